# Sourced by tests/fresh_machine.sh: carries out a Dockerfile's instructions in chroots, as far as our Dockerfile needs them:
# FROM, ARG, ENV, WORKDIR, COPY [--from], RUN; ENTRYPOINT and LABEL only describe. Anything else is an error, not a silence.
# shellcheck shell=bash

# dockerfile_lines FILE: its instructions, one a line: comments dropped, continued lines joined.
dockerfile_lines() { sed -e '/^[[:space:]]*#/d' "$1" | sed -e ':a' -e '/\\$/N; s/\\\n[[:space:]]*/ /; ta' | sed -e '/^[[:space:]]*$/d'; }

# copy_into STAGE WORKDIR ARGUMENTS...: one COPY; stages lie beside each other under $stages, the context is $context.
copy_into() {
    local stage=$1 workdir=$2 from=$context
    shift 2
    if [[ $1 == --from=* ]]; then from=$stages/${1#--from=}; shift; fi
    local target=${*: -1} sources=("${@:1:$#-1}") source
    [[ $target == /* ]] || target=$workdir/$target
    [[ $target != */ && ${#sources[@]} -eq 1 && ! -d $from/${sources[0]} ]] || mkdir -p "$stage$target"
    mkdir -p "$(dirname "$stage$target")"
    for source in "${sources[@]}"; do
        # As Docker does: a folder's contents are copied, not the folder.
        if [ -d "$from/$source" ]; then cp -a "$from/$source/." "$stage$target"; else cp -a "$from/$source" "$stage$target"; fi
    done
}

# build_image BASE STAGES CONTEXT: runs the Dockerfile of CONTEXT with every FROM a copy of BASE; sets `image` to the last stage.
build_image() {
    local base=$1 instruction rest workdir=/ name number=0
    stages=$2 context=$3
    local -a words variables=()
    mkdir -p "$stages"
    while read -r instruction rest; do
        read -ra words <<<"$rest"
        case $instruction in
            FROM)
                number=$((number + 1)) workdir=/ variables=()
                name=stage$number
                [[ ${words[1]-} != AS ]] || name=${words[2]}
                image=$stages/$name
                copy_chroot "$base" "$image"
                ;;
            ARG) [[ $rest != *=* ]] || variables+=("$rest") ;;
            ENV) variables+=("$rest") ;;
            WORKDIR) workdir=$rest; mkdir -p "$image$workdir" ;;
            COPY) copy_into "$image" "$workdir" "${words[@]}" ;;
            RUN) say "RUN $rest"; in_chroot "$image" "$workdir" env "${variables[@]}" /bin/sh -c "$rest" </dev/null ;;
            ENTRYPOINT | LABEL) ;;
            *) die "tests/scripts/dockerfile.sh does not know the Dockerfile's instruction $instruction; teach it" ;;
        esac
    done < <(dockerfile_lines "$context/Dockerfile")
}
