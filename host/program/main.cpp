// The program `sluice`: one command a call, errors as one line, exit codes 0, 1 (something failed) and 2 (the
// input or an option is wrong).
#include <fmt/core.h>

#include <cstdio>
#include <exception>
#include <new>
#include <system_error>

#include "engine/backends/make_cuda.h"
#include "engine/error.h"
#include "host/program/command_line.h"
#include "host/program/commands.h"

namespace {

// What is still buffered must reach standard output, or the caller must hear of it.
void flush_results() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout))
    throw sluice::Failure("cannot write to standard output");
}

int run(int argc, char** argv) {
  if (const auto args = sluice::parse_command_line(argc, argv)) sluice::run_command(*args);
  flush_results();
  return 0;
}

int report(const char* message, int exit_code) {
  std::fflush(stdout);
  std::fputs(fmt::format("sluice: error: {}\n", message).c_str(), stderr);  // never throws for a lost stderr
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const sluice::Error& error) {
    return report(error.what(), error.exit_code());
  } catch (const sluice::CudaError& error) {
    return report(explain(error).c_str(), 1);
  } catch (const std::bad_alloc&) {
    return report("out of memory: make batch.tokens or the model smaller", 1);
  } catch (const std::system_error& error) {  // a thread that cannot start
    return report(fmt::format("the system refuses: {}: no more threads or memory", error.what()).c_str(), 1);
  } catch (const std::exception& error) {
    return report(error.what(), 1);
  } catch (...) {
    return report("an error of unknown kind", 1);
  }
}
