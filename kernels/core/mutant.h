// SLUICE_MUTANT(name) marks where tests/mutants plants a mistake, to see that tests find it: the constant
// false here, so that nothing of it is compiled; true there while that mutant runs.
#pragma once

#ifndef SLUICE_MUTANT
#define SLUICE_MUTANT(name) false
#endif
