"""
What `make demo` shows: the coin at every level of the IR, three fits, each beside its reference,
and a picture of them.
"""

import sys
from pathlib import Path

import breast_cancer
import coin
import eight_schools
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import beta

LEVELS = {1: "model and guide", 2: "objective", 3: "estimator", 4: "program"}
INK, BLUE, ORANGE = "#222222", "#2f6db3", "#d9822b"


def show_levels():
    objective = coin.elbo.compile(*coin.data)
    for level, title in LEVELS.items():
        print(f"--- the coin, level {level}: {title}\n{objective.ir(level)}\n")
    print(f"--- the coin, level 5: the source that runs\n{objective.source()}")
    print(f"--- why\n{objective.explain()}\n")


def compare(title, rows):
    print(f"--- {title}")
    print(f"{'':<14}{'fit mean':>11}{'reference':>11}{'fit sd':>11}{'reference':>11}")
    for name, mean, exact_mean, sd, exact_sd in rows:
        print(f"{name:<14}{mean:11.4f}{exact_mean:11.4f}{sd:11.4f}{exact_sd:11.4f}")


def plot_history(axis, fit, title, bound=None):
    history = fit.elbo_history
    width = max(1, len(history) // 200)
    smooth = np.convolve(history, np.ones(width) / width, mode="valid")
    low = np.quantile(smooth, 0.02) if bound is None else None
    axis.plot(history, color=BLUE, alpha=0.2, linewidth=0.5)
    axis.plot(np.arange(len(smooth)) + width // 2, smooth, color=BLUE, label="ELBO, smoothed")
    if bound is not None:
        axis.axhline(bound, color=ORANGE, linestyle="--", label="log evidence")
        low = bound - 0.12
    top = max(smooth.max(), -np.inf if bound is None else bound)
    axis.set_ylim(low, top + 0.1 * abs(top - low))
    axis.set(title=title, xlabel="step", ylabel="nats")
    axis.legend(frameon=False, loc="lower right")


def coin_panel(axes, fit):
    mean, sd = coin.posterior()
    summary = fit.summary(20_000)["bias"]
    compare("coin", [("bias", summary["mean"], mean, summary["sd"], sd)])
    print(f"ELBO {fit.elbo:.5f} ± {fit.elbo_error:.5f}, log evidence {coin.LOG_EVIDENCE:.5f}\n")
    plot_history(axes[0], fit, "coin: ELBO", coin.LOG_EVIDENCE)
    x = np.linspace(0.2, 0.85, 400)
    axes[1].plot(x, beta(16, 14).pdf(x), color=ORANGE, linewidth=3, label="exact: Beta(16, 14)")
    fitted = beta(float(fit.params["a"]), float(fit.params["b"]))
    axes[1].plot(x, fitted.pdf(x), color=INK, linestyle="--", label="fit")
    axes[1].set(title="coin: posterior", xlabel="bias", ylabel="density")
    axes[1].legend(frameon=False)


def schools_panel(axes, fit):
    exact, summary = eight_schools.posterior(), fit.summary(20_000)
    compare(
        "eight schools (tau's tail is heavier than a mean-field guide can be)",
        [(s, summary[s]["mean"], exact[s][0], summary[s]["sd"], exact[s][1]) for s in exact],
    )
    print(f"ELBO {fit.elbo:.4f} ± {fit.elbo_error:.4f}\n")
    plot_history(axes[0], fit, "eight schools: ELBO")
    theta = summary["theta"]
    schools = np.arange(len(eight_schools.EFFECTS))
    axes[1].errorbar(
        schools - 0.1,
        eight_schools.EFFECTS,
        eight_schools.ERRORS,
        fmt="o",
        color=ORANGE,
        label="observed effect ± standard error",
    )
    axes[1].errorbar(
        schools + 0.1, theta["mean"], theta["sd"], fmt="s", color=INK, label="fit: theta ± sd"
    )
    axes[1].set(title="eight schools: shrinkage", xlabel="school", ylabel="effect")
    axes[1].legend(frameon=False)


def cancer_panel(axes, fit):
    mode, sd = breast_cancer.laplace()
    summary = fit.summary(4000)
    names = ["intercept", *(f"weight {k}" for k in range(30))]
    means = np.append(summary["intercept"]["mean"], summary["weights"]["mean"])
    sds = np.append(summary["intercept"]["sd"], summary["weights"]["sd"])
    rows = list(zip(names, means, mode, sds, sd, strict=True))
    compare("breast cancer (reference: Laplace; the first of 31)", rows[:6])
    right = breast_cancer.accuracy(means[1:], means[0])
    print(f"accuracy {right:.3f}; ELBO {fit.elbo:.3f} ± {fit.elbo_error:.3f}\n")
    plot_history(axes[0], fit, "breast cancer: ELBO")
    axes[1].errorbar(mode, means, sds, fmt="o", color=INK, label="fit: mean ± sd")
    line = np.array([mode.min(), mode.max()])
    axes[1].plot(line, line, color=ORANGE, label="equal")
    axes[1].set(title="breast cancer: 31 coefficients", xlabel="posterior mode", ylabel="fit")
    axes[1].legend(frameon=False)


def main(path):
    show_levels()
    figure, axes = plt.subplots(3, 2, figsize=(11, 11), constrained_layout=True)
    panels = ((coin, coin_panel), (eight_schools, schools_panel), (breast_cancer, cancer_panel))
    for row, (example, panel) in zip(axes, panels, strict=True):
        panel(row, example.train(progress=sys.stderr.isatty()))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    print(f"wrote {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("out/demo.png"))
