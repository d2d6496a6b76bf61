"""A suite that runs in seconds on the embedded model, for tests that need a real run."""

from pathlib import Path

_TEXT = """\
name: small
sampling: {{temperature: 0.6, top_p: 0.95, top_k: 0, samples_per_problem: {samples}, seed: 3}}
prices: prices.yaml
meters: {meters}
limits: {limits}
groups:
  - name: embedded
    engine: {{kind: transformers, device: cpu}}
    datasets: [{{kind: arithmetic, problems: {problems}, seed: 5, levels: [1, 2]}}]
    models:
      - {{name: abacus-base, path: "embedded:abacus-base", role: baseline, tier: tiny}}
    policies:
{policies}
    load: {{concurrency: {concurrency}}}
  - name: needs-a-gpu
    requires: {{gpu: cuda, gpu_memory_gib: 100000}}
    engine: transformers
    datasets: [{{kind: arithmetic, problems: 2}}]
    models: [{{name: big, path: "org/model"}}]
    policies: [unconstrained]
"""

_PRICES = """\
date: 2026-11-20
machines:
  - {match: cpu, per: machine, usd_per_hour: 0.36, provider: test, source: a test, as_of: 2026-11-20}
  - {match: "", per: machine, usd_per_hour: 0.36, provider: test, source: a test, as_of: 2026-11-20}
grid: {gco2e_per_kwh: 360, place: Testland, year: 2025, source: a test}
"""

POLICIES = (
    "{kind: unconstrained, max_tokens: 320}",
    "{kind: truncation, budget: 24}",
    "{kind: budget_forcing, budget: 24, answer_tokens: 16}",
)


def write_small_suite(
    folder: Path,
    *,
    problems: int = 6,
    samples: int = 2,
    concurrency: int = 8,
    policies: tuple[str, ...] = POLICIES,
    meters: str = "[codecarbon]",
    limits: str = "{}",
) -> Path:
    """Write the suite and its price book; gives the suite's path."""
    (folder / "prices.yaml").write_text(_PRICES)
    suite = folder / "small.yaml"
    suite.write_text(
        _TEXT.format(
            problems=problems,
            samples=samples,
            concurrency=concurrency,
            meters=meters,
            limits=limits,
            policies="\n".join(f"      - {policy}" for policy in policies),
        )
    )
    return suite
