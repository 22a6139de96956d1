# Sluice in a container: the program and what it needs to run, nothing of what built it.
#
#     docker build -t sluice .                                                              CPU only, on plain Debian 12
#     docker build -t sluice --build-arg BUILD_BASE=nvidia/cuda:TAG-cudnn-devel-ubuntu24.04 \
#                            --build-arg RUN_BASE=nvidia/cuda:TAG-cudnn-runtime-ubuntu24.04 .   with NVIDIA's images (not run here)
#     docker run --rm -v "$PWD:/data" sluice train --train train.csv --test test.csv --out run
ARG BUILD_BASE=debian:12
ARG RUN_BASE=debian:12

FROM ${BUILD_BASE} AS build
WORKDIR /src
COPY host/scripts host/scripts
RUN host/scripts/install_packages.sh build
COPY CMakeLists.txt CMakeLists.txt
COPY kernels kernels
COPY engine engine
COPY host host
RUN cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DSLUICE_WERROR=OFF && cmake --build build --target sluice
RUN cp build/host/program/sluice /usr/local/bin/ && host/scripts/runtime_packages.sh /usr/local/bin/sluice > /runtime_packages

FROM ${RUN_BASE}
COPY --from=build /runtime_packages /runtime_packages
RUN apt-get update && xargs apt-get install -y --no-install-recommends < /runtime_packages && rm -rf /var/lib/apt/lists/* /runtime_packages
COPY --from=build /usr/local/bin/sluice /usr/local/bin/sluice
WORKDIR /data
ENTRYPOINT ["sluice"]
