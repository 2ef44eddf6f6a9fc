// An optimiser's settings, and the scalars of one of its steps.

#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine.h"

namespace pellucid {

struct OptimizerSettings {
    Optimizer optimizer = Optimizer::none;
    double mu = 0, beta_1 = 0, beta_2 = 0, epsilon = 0, weight_decay = 0;

    int moments() const {
        switch (optimizer) {
            case Optimizer::momentum:
            case Optimizer::nesterov: return 1;
            case Optimizer::adam:
            case Optimizer::adamw: return 2;
            default: return 0;
        }
    }

    // t counts from 1.
    template <class T> Rule<T> rule(double learning_rate, int64_t t) const {
        Rule<T> rule{};
        rule.optimizer = optimizer;
        rule.learning_rate = T(learning_rate);
        rule.mu = T(mu);
        if (moments() == 2) {
            rule.learning_rate = T(learning_rate / (1 - std::pow(beta_1, double(t))));
            rule.beta_1 = T(beta_1);
            rule.rest_1 = T(1 - beta_1);
            rule.beta_2 = T(beta_2);
            rule.rest_2 = T(1 - beta_2);
            rule.correction = T(1 / std::sqrt(1 - std::pow(beta_2, double(t))));
            rule.epsilon = std::max(T(epsilon), std::numeric_limits<T>::min());  // a smaller one would count as 0
            rule.keep = T(1 - learning_rate * weight_decay);
        }
        return rule;
    }
};

}  // namespace pellucid
