"""The same numbers from independent software, on the same data."""

import numpy as np
import pytest
from scipy import stats

from wmh_keras.statistics.agreement import bland_altman, correlation, icc_a1
from wmh_keras.statistics.comparison import (
    cohens_dz,
    compare_models,
    holm,
    rank_biserial,
    wilcoxon_p,
)
from wmh_keras.statistics.raters import (
    friedman_test,
    kendall_concordance,
    quadratic_kappa,
)
from wmh_keras.statistics.summary import summarize

pingouin = pytest.importorskip("pingouin")
pandas = pytest.importorskip("pandas")
sklearn_metrics = pytest.importorskip("sklearn.metrics")
multitest = pytest.importorskip("statsmodels.stats.multitest")
oneway = pytest.importorskip("statsmodels.stats.oneway")
multicomp = pytest.importorskip("statsmodels.stats.multicomp")
weightstats = pytest.importorskip("statsmodels.stats.weightstats")
inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")

# Pandas calls of pingouin that a later pandas will refuse.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def long_table(values):
    """One row a value: subject, column, value."""
    return pandas.DataFrame(
        [
            (subject, column, value)
            for subject, row in enumerate(values.tolist())
            for column, value in enumerate(row)
        ],
        columns=["subject", "column", "value"],
    )


def grades_of(seed, subjects=30, raters=3):
    rng = np.random.default_rng(seed)
    quality = rng.integers(1, 5, (subjects, 1))
    shift = rng.integers(0, 2, raters)
    noise = rng.integers(-1, 2, (subjects, raters))
    return np.clip(quality + shift + noise, 1, 4)


def scores_of(seed, subjects=25):
    """Three models that share what is hard."""
    rng = np.random.default_rng(seed)
    hard = rng.random(subjects)[:, None]
    return np.round(hard + rng.normal([0, 0.05, 0.1], 0.1, (subjects, 3)), 2)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("subjects", [4, 30])
def test_icc_against_pingouin(seed, subjects, monkeypatch):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(subjects, 3)) + rng.normal(size=(subjects, 1))
    values += np.array([0, 0.5, 1])
    monkeypatch.setitem(pingouin.options, "round.column.CI95", None)
    table = pingouin.intraclass_corr(
        long_table(values), "subject", "column", "value"
    ).set_index("Type")
    row = table.loc["ICC(A,1)"]
    ours = icc_a1(values)
    assert ours.value == pytest.approx(row["ICC"])
    assert [ours.ci_low, ours.ci_high] == pytest.approx(row["CI95"], abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_correlation_against_scipy(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 9, 20).astype(float)
    y = x + rng.integers(0, 9, 20)
    ours = correlation(x, y)
    theirs = stats.pearsonr(x, y)
    interval = theirs.confidence_interval(0.95)
    assert ours.pearson_r == pytest.approx(theirs.statistic)
    assert (ours.ci_low, ours.ci_high) == pytest.approx(tuple(interval))
    assert ours.spearman_rho == pytest.approx(stats.spearmanr(x, y).statistic)


def test_bias_against_statsmodels():
    values = scores_of(0)
    ours = bland_altman(values[:, 0], values[:, 1])
    theirs = weightstats.DescrStatsW(values[:, 1] - values[:, 0])
    assert ours.sd == pytest.approx(theirs.std_ddof(1))
    assert (ours.mean_ci_low, ours.mean_ci_high) == pytest.approx(
        theirs.tconfint_mean(0.05)
    )


@pytest.mark.parametrize("seed", range(4))
def test_friedman_and_kendall_against_pingouin(seed):
    """Its W is that of its Friedman test, so patients take the other place."""
    grades = grades_of(seed)
    row = pingouin.friedman(
        long_table(grades), dv="value", within="column", subject="subject"
    ).iloc[0]
    ours = friedman_test(grades)
    assert ours.statistic == pytest.approx(row["Q"])
    assert ours.p == pytest.approx(row["p_unc"])
    row = pingouin.friedman(
        long_table(grades), dv="value", within="subject", subject="column"
    ).iloc[0]
    w, test = kendall_concordance(grades)
    assert w == pytest.approx(row["W"])
    assert test.statistic == pytest.approx(row["Q"])
    assert test.dof == row["ddof1"]
    assert test.p == pytest.approx(row["p_unc"])


def test_friedman_against_scipy():
    grades = grades_of(9)
    theirs = stats.friedmanchisquare(*grades.T)
    ours = friedman_test(grades)
    assert ours.statistic == pytest.approx(theirs.statistic)
    assert ours.p == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize("seed", range(4))
def test_kappa_against_scikit_learn_and_statsmodels(seed):
    first, second, _ = grades_of(seed).T
    ours = quadratic_kappa(first, second)
    assert ours == pytest.approx(
        sklearn_metrics.cohen_kappa_score(first, second, weights="quadratic")
    )
    table = np.zeros((4, 4))
    np.add.at(table, (first - 1, second - 1), 1)
    theirs = inter_rater.cohens_kappa(table, wt="quadratic")
    assert ours == pytest.approx(theirs.kappa)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("subjects", [8, 25, 80])
def test_paired_tests_against_pingouin(seed, subjects):
    """Rounded scores: ties and zeros are among the differences."""
    a, b, _ = scores_of(seed, subjects).T
    differences = a - b
    # Exact zeros and ties for both, whatever the last bits are.
    differences = np.round(differences, 2)
    theirs = pingouin.wilcoxon(differences, zero_method="wilcox").iloc[0]
    assert rank_biserial(a - b) == pytest.approx(theirs["RBC"])
    assert cohens_dz(a - b) == pytest.approx(
        pingouin.compute_effsize(a, b, paired=True, eftype="cohen_dz")
    )
    kept = differences[differences != 0]
    if subjects <= 8:
        assert wilcoxon_p(a - b) == pytest.approx(_all_sign_patterns(kept))
    else:
        assert wilcoxon_p(a - b) == pytest.approx(_by_normal(kept))


def _all_sign_patterns(differences):
    """Two-sided p from every assignment of signs to the ranks."""
    ranks = stats.rankdata(np.abs(differences))
    n = len(ranks)
    signs = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    sums = signs @ ranks
    seen = ranks[differences > 0].sum()
    less, more = (sums <= seen).mean(), (sums >= seen).mean()
    return min(1, 2 * min(less, more))


def _by_normal(differences):
    """The normal approximation as in Siegel and Castellan 1988, 5.3."""
    ranks = stats.rankdata(np.abs(differences))
    z = (np.sign(differences) * ranks).sum() / np.sqrt((ranks**2).sum())
    return 2 * stats.norm.sf(abs(z))


@pytest.mark.parametrize("seed", range(3))
def test_anova_and_tukey_against_statsmodels_and_pingouin(seed):
    values = scores_of(seed)
    ours = compare_models(dict(zip("abc", values.T, strict=True)))
    theirs = oneway.anova_oneway(list(values.T), use_var="equal")
    assert ours.anova_f == pytest.approx(theirs.statistic)
    assert ours.anova_p == pytest.approx(theirs.pvalue)
    table = long_table(values)
    row = pingouin.anova(
        table, dv="value", between="column", effsize="n2"
    ).iloc[0]
    assert ours.eta_squared == pytest.approx(row["n2"])
    tukey = multicomp.pairwise_tukeyhsd(table["value"], table["column"])
    assert [p.tukey_p for p in ours.pairs] == pytest.approx(
        tukey.pvalues, abs=1e-6
    )
    # statsmodels takes second minus first.
    assert [-p.mean_difference for p in ours.pairs] == pytest.approx(
        tukey.meandiffs
    )


def test_holm_against_statsmodels():
    for seed in range(5):
        p_values = np.random.default_rng(seed).random(6) ** 3
        adjusted = multitest.multipletests(p_values, method="holm")[1]
        assert holm(p_values) == pytest.approx(adjusted)


def test_bootstrap_against_scipy():
    """Other draws, so the ends agree to a fraction of the width."""
    values = np.random.default_rng(3).random(40)
    ours = summarize(values, seed=1)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=9999, method="percentile", rng=2
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.ci_low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.ci_high == pytest.approx(theirs.high, abs=0.03 * width)
