"""From scores to estimates with their uncertainty; arrays in, numbers out."""

from harness.statistics.abstention import AccuracyAtCoverage
from harness.statistics.agreement import (
    Measurement,
    Statistic,
    accuracy,
    auc,
    f1,
    interval,
    intervals_of,
    kappa,
    krippendorff_alpha,
    pearson,
    precision,
    quadratic_kappa,
    recall,
    spearman,
)
from harness.statistics.areas import area_interval
from harness.statistics.arrays import Floats, Limits, mean_of_rows
from harness.statistics.bootstrap import percentile_interval, resamples
from harness.statistics.bootstrap_means import BootstrapMean
from harness.statistics.bounded import imputed
from harness.statistics.calibration import CalibrationError, Reliability, calibration_pair
from harness.statistics.cluster_means import ClusterMeans
from harness.statistics.contrasts import Contrast, Reduction
from harness.statistics.corpus import CorpusOverlap
from harness.statistics.correction import (
    Corrected,
    PartlyLabelled,
    prediction_powered,
    rogan_gladen,
)
from harness.statistics.correlation import Correlation
from harness.statistics.curves import CurveOfMaxima
from harness.statistics.differences import NOT_YET, PAIRED_RESAMPLES, Paired, detectable, paired
from harness.statistics.diversity import CONVENTIONS, Diversity, distinct
from harness.statistics.equating import Equated, Pairs
from harness.statistics.fixed_samples import ONE_ANSWER, FixedSamples, difference_of
from harness.statistics.gaps import LargestGap
from harness.statistics.grid import Grid, Level
from harness.statistics.harmonic_means import HarmonicMean
from harness.statistics.intervals import FEW_CLUSTERS, ONE_SIDED_LEVEL, Ends, critical_value, wilson
from harness.statistics.labels import LabelMeasure
from harness.statistics.leakage import (
    AREAS,
    PASSES,
    Area,
    PrivacyLeakage,
    SurpriseArea,
    leakage_interval,
    privacy_leakage,
)
from harness.statistics.likelihood import min_k
from harness.statistics.maxima import AnyAbove, ExpectedMaximum, Missing
from harness.statistics.means import VERSION, Mean, Share
from harness.statistics.mixed_model import MixedModel
from harness.statistics.multiple import holm
from harness.statistics.paired_data import Scale
from harness.statistics.perplexity import READINGS, Perplexity
from harness.statistics.power import could_show, spread_of
from harness.statistics.ranks import rank_ranges
from harness.statistics.rates import exact_share
from harness.statistics.recovery import Recovery, recovered_share
from harness.statistics.repeats import SpreadOverRepeats
from harness.statistics.right_alone import RightAlone
from harness.statistics.scorer_differences import (
    ScorerDifference,
    accuracy_difference,
    auc_difference,
    bootstrap_difference,
)
from harness.statistics.seeds import combine
from harness.statistics.serial import as_record, from_record, ranges_of
from harness.statistics.shrinkage import Shrunk, shrunk
from harness.statistics.slope import Slope
from harness.statistics.span_counts import SpanMeasure
from harness.statistics.spread import SpreadOfMaxima
from harness.statistics.strata import Design
from harness.statistics.trade import entanglement, reduction, tph
from harness.statistics.two_samples import SameDistribution, kolmogorov_smirnov
from harness.statistics.variants import SpreadOverVariants
from harness.statistics.votes import Frequencies, MajorityVote
from harness.statistics.weighted import WeightedMean
from harness.statistics.worst_cases import (
    NEW_WORST_CASES,
    QUARTER,
    badness,
    has_tail,
    spread_of_tail,
    tail_limit,
    worst_of_samples,
)

__all__ = [
    "AREAS",
    "CONVENTIONS",
    "FEW_CLUSTERS",
    "NEW_WORST_CASES",
    "NOT_YET",
    "ONE_ANSWER",
    "ONE_SIDED_LEVEL",
    "PAIRED_RESAMPLES",
    "PASSES",
    "QUARTER",
    "READINGS",
    "VERSION",
    "AccuracyAtCoverage",
    "AnyAbove",
    "Area",
    "BootstrapMean",
    "CalibrationError",
    "ClusterMeans",
    "Contrast",
    "CorpusOverlap",
    "Corrected",
    "Correlation",
    "CurveOfMaxima",
    "Design",
    "Diversity",
    "Ends",
    "Equated",
    "ExpectedMaximum",
    "FixedSamples",
    "Floats",
    "Frequencies",
    "Grid",
    "HarmonicMean",
    "LabelMeasure",
    "LargestGap",
    "Level",
    "Limits",
    "MajorityVote",
    "Mean",
    "Measurement",
    "Missing",
    "MixedModel",
    "Paired",
    "Pairs",
    "PartlyLabelled",
    "Perplexity",
    "PrivacyLeakage",
    "Recovery",
    "Reduction",
    "Reliability",
    "RightAlone",
    "SameDistribution",
    "Scale",
    "ScorerDifference",
    "Share",
    "Shrunk",
    "Slope",
    "SpanMeasure",
    "SpreadOfMaxima",
    "SpreadOverRepeats",
    "SpreadOverVariants",
    "Statistic",
    "SurpriseArea",
    "WeightedMean",
    "accuracy",
    "accuracy_difference",
    "area_interval",
    "as_record",
    "auc",
    "auc_difference",
    "badness",
    "bootstrap_difference",
    "calibration_pair",
    "combine",
    "could_show",
    "critical_value",
    "detectable",
    "difference_of",
    "distinct",
    "entanglement",
    "exact_share",
    "f1",
    "from_record",
    "has_tail",
    "holm",
    "imputed",
    "interval",
    "intervals_of",
    "kappa",
    "kolmogorov_smirnov",
    "krippendorff_alpha",
    "leakage_interval",
    "mean_of_rows",
    "min_k",
    "paired",
    "pearson",
    "percentile_interval",
    "precision",
    "prediction_powered",
    "privacy_leakage",
    "quadratic_kappa",
    "ranges_of",
    "rank_ranges",
    "recall",
    "recovered_share",
    "reduction",
    "resamples",
    "rogan_gladen",
    "shrunk",
    "spearman",
    "spread_of",
    "spread_of_tail",
    "tail_limit",
    "tph",
    "wilson",
    "worst_of_samples",
]
