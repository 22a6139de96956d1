// The commands, each in a file of its own. All throw Error; results go to standard output.
#pragma once

#include "host/program/command_line.h"

namespace sluice {

void run_command(const Arguments& args);

void train_command(const Arguments& args);
void evaluate_command(const Arguments& args);
void predict_command(const Arguments& args);
void prepare_command(const Arguments& args);
void info_command(const Arguments& args);
void config_command(const Arguments& args);
void explain_kernel_command(const Arguments& args);

}  // namespace sluice
