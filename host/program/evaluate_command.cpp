// sluice evaluate: how well a run does on labelled documents.
#include <fmt/core.h>

#include "engine/error.h"
#include "host/program/commands.h"
#include "host/program/report.h"
#include "host/program/session.h"

namespace sluice {

void evaluate_command(const Arguments& args) {
  throw Failure("not yet {}", args.run);
}

void predict_command(const Arguments& args) {
  evaluate_command(args);
}
void info_command(const Arguments& args) {
  evaluate_command(args);
}

}  // namespace sluice
