"""Classifiers of scikit-learn that can be stored: what each needs to predict, and no more."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Part = Literal["count", "classes", "n_classes", "array", "arrays", "word", "tree", "trees", "base"]
"""What an attribute holds, which decides how it is checked.

`classes` are 0.0 and 1.0, `n_classes` is 2; `arrays` is a list of arrays of floats; `tree` is a
tree of scikit-learn, `trees` a list of decision trees, `base` one that was not fitted.
"""


@dataclass(frozen=True)
class StoredClass:
    """A classifier by its public module, its own module, and its fitted attributes."""

    public: str
    module: str
    name: str
    parts: Mapping[str, Part]

    @property
    def path(self) -> str:
        """Dotted path as users write it."""
        return f"{self.public}.{self.name}"


_COMMON: dict[str, Part] = {"classes_": "classes", "n_features_in_": "count"}
_LINEAR: dict[str, Part] = {"coef_": "array", "intercept_": "array"}
_GAUSSIAN: dict[str, Part] = {"theta_": "array", "var_": "array", "class_prior_": "array"}
_BERNOULLI: dict[str, Part] = {"feature_log_prob_": "array", "class_log_prior_": "array"}
_QUADRATIC: dict[str, Part] = {
    "means_": "array",
    "priors_": "array",
    "rotations_": "arrays",
    "scalings_": "arrays",
}
_NEURAL: dict[str, Part] = {
    "coefs_": "arrays",
    "intercepts_": "arrays",
    "n_layers_": "count",
    "n_outputs_": "count",
    "out_activation_": "word",
}
_TREE: dict[str, Part] = {
    "n_classes_": "n_classes",
    "n_outputs_": "count",
    "max_features_": "count",
    "tree_": "tree",
}
_FOREST: dict[str, Part] = {
    "estimator": "base",
    "n_classes_": "n_classes",
    "n_outputs_": "count",
    "estimators_": "trees",
}
_BOOSTED: dict[str, Part] = {
    "n_classes_": "n_classes",
    "estimator_weights_": "array",
    "estimators_": "trees",
}

_ROWS: tuple[tuple[str, str, str, dict[str, Part]], ...] = (
    ("linear_model", "_logistic", "LogisticRegression", _LINEAR),
    ("linear_model", "_logistic", "LogisticRegressionCV", _LINEAR),
    ("linear_model", "_stochastic_gradient", "SGDClassifier", _LINEAR),
    ("discriminant_analysis", "", "LinearDiscriminantAnalysis", _LINEAR),
    ("discriminant_analysis", "", "QuadraticDiscriminantAnalysis", _QUADRATIC),
    ("naive_bayes", "", "GaussianNB", _GAUSSIAN),
    ("naive_bayes", "", "BernoulliNB", _BERNOULLI),
    ("neural_network", "_multilayer_perceptron", "MLPClassifier", _NEURAL),
    ("tree", "_classes", "DecisionTreeClassifier", _TREE),
    ("tree", "_classes", "ExtraTreeClassifier", _TREE),
    ("ensemble", "_forest", "RandomForestClassifier", _FOREST),
    ("ensemble", "_forest", "ExtraTreesClassifier", _FOREST),
    ("ensemble", "_weight_boosting", "AdaBoostClassifier", _BOOSTED),
)

STORED_CLASSES: dict[str, StoredClass] = {
    stored.path: stored
    for stored in (
        StoredClass(
            public=f"sklearn.{public}",
            module=".".join(filter(None, ("sklearn", public, private))),
            name=name,
            parts=_COMMON | parts,
        )
        for public, private, name, parts in _ROWS
    )
}
"""By dotted path. Others, such as histogram boosting, nearest neighbours and support vectors, keep
indices inside native code that scikit-learn trusts and that cannot be checked from outside."""

NAMED_PATHS = {
    "random_forest": "sklearn.ensemble.RandomForestClassifier",
    "logistic_regression": "sklearn.linear_model.LogisticRegression",
}
"""Dotted paths of the kinds of scikit-learn that go by name."""

TREE_OF = {
    "sklearn.ensemble.RandomForestClassifier": "sklearn.tree.DecisionTreeClassifier",
    "sklearn.ensemble.ExtraTreesClassifier": "sklearn.tree.ExtraTreeClassifier",
    "sklearn.ensemble.AdaBoostClassifier": "sklearn.tree.DecisionTreeClassifier",
}
"""Class of the trees that an ensemble holds."""


def import_class(stored: StoredClass) -> Any:
    """Return the class of a classifier that can be stored."""
    return getattr(importlib.import_module(stored.public), stored.name)
