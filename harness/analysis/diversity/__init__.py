"""How different a model's answers to one prompt are, and whether tuning narrowed them.

Owns the metrics of docs/diversity.md, pooled over a set of texts and per prompt, and their
paired comparison at equal length and number of texts. It takes texts, never a model or a
file, and does not say what to do about a loss of diversity.
"""

from harness.analysis.diversity.across import AcrossComparison, compare_across
from harness.analysis.diversity.bleu import per_prompt_self_bleu, self_bleu
from harness.analysis.diversity.classes import distinct_k, per_prompt_distinct_k
from harness.analysis.diversity.comparison import (
    BESIDE,
    METRICS,
    PRIMARY,
    DiversityComparison,
    Metric,
    compare_diversity,
)
from harness.analysis.diversity.copying import CopyReport, copy_rate, per_prompt_copy_rate
from harness.analysis.diversity.lexical import (
    compression_ratio,
    distinct_n,
    duplicate_rate,
    expected_distinct_n,
    ngram_entropy,
    per_prompt_distinct_n,
    per_prompt_duplicate_rate,
    per_prompt_expected_distinct_n,
    per_prompt_ngram_entropy,
    per_prompt_self_repetition,
    self_repetition,
)
from harness.analysis.diversity.matching import MatchReport, matched
from harness.analysis.diversity.measures import Measured, measure
from harness.analysis.diversity.nearest import Copied, nearest_training
from harness.analysis.diversity.pairwise import (
    per_prompt_rouge_l_homogenization,
    rouge_l_homogenization,
)
from harness.analysis.diversity.rarefaction import (
    common_draws,
    per_prompt_rarefied_distinct_n,
    rarefied_distinct_n,
)
from harness.analysis.diversity.repeats import Repeat, most_repeated_ngrams, openings
from harness.analysis.diversity.tokens import (
    Corpus,
    Tokenizer,
    encode,
    tokenizer_name,
)
from harness.analysis.diversity.usefulness import (
    good_and_different,
    per_prompt_good_and_different,
    per_prompt_utility,
    utility,
)
from harness.analysis.diversity.vectors import (
    mean_pairwise_cosine,
    per_prompt_mean_pairwise_cosine,
    per_prompt_vector_vendi,
    vector_vendi,
    zero_rows,
)
from harness.analysis.diversity.vendi import per_prompt_vendi, vendi
from harness.analysis.diversity.verdict import MetricComparison, detectable_by, verdict_over

__all__ = [
    "BESIDE",
    "METRICS",
    "PRIMARY",
    "AcrossComparison",
    "Copied",
    "CopyReport",
    "Corpus",
    "DiversityComparison",
    "MatchReport",
    "Measured",
    "Metric",
    "MetricComparison",
    "Repeat",
    "Tokenizer",
    "common_draws",
    "compare_across",
    "compare_diversity",
    "compression_ratio",
    "copy_rate",
    "detectable_by",
    "distinct_k",
    "distinct_n",
    "duplicate_rate",
    "encode",
    "expected_distinct_n",
    "good_and_different",
    "matched",
    "mean_pairwise_cosine",
    "measure",
    "most_repeated_ngrams",
    "nearest_training",
    "ngram_entropy",
    "openings",
    "per_prompt_copy_rate",
    "per_prompt_distinct_k",
    "per_prompt_distinct_n",
    "per_prompt_duplicate_rate",
    "per_prompt_expected_distinct_n",
    "per_prompt_good_and_different",
    "per_prompt_mean_pairwise_cosine",
    "per_prompt_ngram_entropy",
    "per_prompt_rarefied_distinct_n",
    "per_prompt_rouge_l_homogenization",
    "per_prompt_self_bleu",
    "per_prompt_self_repetition",
    "per_prompt_utility",
    "per_prompt_vector_vendi",
    "per_prompt_vendi",
    "rarefied_distinct_n",
    "rouge_l_homogenization",
    "self_bleu",
    "self_repetition",
    "tokenizer_name",
    "utility",
    "vector_vendi",
    "vendi",
    "verdict_over",
    "zero_rows",
]
