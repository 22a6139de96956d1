// Norms, clipping and optimisers on vectors, one number at a time.
#pragma once

#include "tests/oracle/matrix.h"

namespace oracle {

double sum_squares(const Vector& x);
double clip_scale(double sum_of_squares, double max_norm);  // Pascanu et al. 2013
double clip_value(double x, double limit);
double average(double average, double x, double share);  // share of x, the rest of the average

// Kingma and Ba 2015; decoupled: Loshchilov and Hutter 2019.
struct AdamRule {
  double learning_rate = 0, beta1 = 0, beta2 = 0, epsilon = 0, weight_decay = 0;
  bool decoupled = true;

  // One update, the step-th (from 1), with `gradient` already clipped.
  void update(double& w, double& m, double& v, double gradient, int step) const;
  // What a lazy row makes up for when `missed` updates went by without touching it.
  void catch_up(double& w, double& m, double& v, int missed) const;
};

struct SgdRule {
  double learning_rate = 0, momentum = 0, weight_decay = 0;
  bool nesterov = false;

  void update(double& w, double& m, double gradient) const;
  void catch_up(double& m, int missed) const;
};

}  // namespace oracle
