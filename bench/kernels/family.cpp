#include <cstdio>

#include "bench/families.h"
#include "bench/kernels/case.h"
#include "bench/stopwatch.h"

namespace sluice::bench {
namespace {

// A line for the case and one for each of its kernels: what bench/tables/bytes.pl reads.
void print_case(const KernelCase& c) {
  printf("case\t%s\n", c.name.c_str());
  for (const KernelLine& k : c.kernels)
    printf("kernel\t%s\t%.0f\t%s\n", k.kernel.c_str(), k.least, k.why.c_str());
}

double least_bytes(const KernelCase& c) {
  double sum = 0;
  for (const KernelLine& k : c.kernels) sum += k.least;
  return sum;
}

}  // namespace

void kernels(const Settings& settings, Report& report) {
  const std::unique_ptr<Backend> backend =
      make_backend({.device = settings.device, .threads = settings.threads});
  KernelRig rig(*backend, settings.rehearsal ? kRehearsalSizes : kFullSizes, settings.type);
  rig.add_rows();
  if (settings.device == Device::cuda) rig.add_recurrence();
  rig.add_training();
  const std::unique_ptr<Stopwatch> stopwatch = make_stopwatch(*backend);
  for (const KernelCase& c : rig.cases()) {
    if (settings.list) {
      print_case(c);
    } else if (settings.only == c.name) {
      c.run();
      backend->synchronize();
    } else if (settings.only.empty() && c.timed) {
      std::vector<Contender> contenders = {
          {settings.device == Device::cuda ? "cuda" : "cpu", [&] { return stopwatch->time(c.run); }}};
      const Case subject{.family = "kernels", .name = c.name, .bytes = least_bytes(c)};
      report.add(measure(subject, contenders, settings.frame));
    }
  }
}

}  // namespace sluice::bench
