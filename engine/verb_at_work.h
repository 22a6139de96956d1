// What a backend is told around each verb.
#pragma once

#include "engine/backend.h"

namespace sluice {

// A verb at work, to its end.
class Verb {
 public:
  Verb(Backend& backend, const char* name) : backend_(backend) { backend_.do_begin(name); }
  ~Verb() { backend_.do_end(); }
  Verb(const Verb&) = delete;
  Verb& operator=(const Verb&) = delete;

 private:
  Backend& backend_;
};

}  // namespace sluice
