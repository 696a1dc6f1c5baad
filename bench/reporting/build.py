"""Writes a suite's report: every table as Markdown, LaTeX and CSV, and a page with all of them, HTML too."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.escapes import markdown, paragraph
from bench.reporting.gallery.content import gallery_sources
from bench.reporting.lock import LOCK, render_lock
from bench.reporting.references import load_readable
from bench.reporting.report_page import report_page
from bench.reporting.tables.build import build_tables
from bench.reporting.tables.claims import claims_csv, claims_table
from bench.reporting.tables.differences import noted, noted_by_place
from bench.reporting.tables.sensitivity import sensitivity_tables
from bench.reporting.tables.table import Table
from bench.reporting.verdicts import judge
from bench.reporting.writers.csv_cells import to_csv
from bench.reporting.writers.html import GALLERY, PAGE
from bench.reporting.writers.latex import to_latex
from bench.reporting.writers.markdown import to_markdown
from bench.results.differences import require_same_data, short
from bench.results.failures import unreadable_sentences
from bench.results.files import write_text
from bench.results.frame import Results
from bench.results.provenance import DRAWN
from bench.results.record import Record
from bench.results.store import ResultsStore
from bench.suite.cam import CAMS, NATIVE
from bench.suite.grid import Grid
from bench.suite.load import LoadedSuite

_ORIGIN = "Where the numbers come from"


@dataclass(frozen=True)
class Report:
    """A suite's report as text, before it is written.

    Attributes:
        name: of the suite, and of the report's folder.
        tables: in the order of the page.
        problems: a sentence for each file of results that could not be read.
        page: Markdown with all tables and where they come from.
        files: name → text of every file of the report; the same records give the same bytes.
        sources: digest of what a gallery would be drawn from.
    """

    name: str
    tables: tuple[Table, ...]
    page: str
    files: Mapping[str, str]
    sources: str = ""
    problems: tuple[str, ...] = ()

    def stale_gallery(self, folder: Path) -> list[str]:
        """Returns a sentence if the gallery in `folder` was drawn from other results than the tables."""
        path = folder / GALLERY
        if not path.exists() or self.sources.encode() in path.read_bytes():
            return []
        return [
            f"{path}: was drawn from other results than the tables; `bench report --gallery` draws it again"
        ]


def render_report(loaded: LoadedSuite, store: ResultsStore) -> Report:
    """Returns the suite's report, computed from the results folder.

    Raises:
        ResultsError: a record or table of results cannot be read, or results that stand together had
            different data.
    """
    require_same_data(loaded.points, store, loaded.grid.accepted)
    suite, grid = loaded.suite, loaded.grid
    references, problems = load_readable(suite.references, store.root)
    results = Results(grid, store)
    tables = noted_by_place((*build_tables(results, references), *sensitivity_tables(results)), results)
    records = [record for trial in grid.trials if (record := results.record(trial.id)) is not None]
    problems += unreadable_sentences(grid.trials, store)
    title, origin = _title(loaded), _origin(records, loaded, store, problems)
    verdicts = judge(loaded.claims, results)
    claims = noted((claims_table(verdicts),), loaded.points, store) if verdicts else ()
    sections = [*map(to_markdown, tables), *map(to_markdown, claims)]
    page = (
        "\n".join([f"# {markdown(title)}\n", *sections, f"### {_ORIGIN}\n", *map(paragraph, origin)]) + "\n"
    )
    files = {"README.md": page, PAGE: report_page(suite.name, title, tables, claims, origin)}
    for table in (*tables, *claims):
        files |= table_files(table)
    if verdicts:
        files["claims.csv"] = claims_csv(verdicts)
    files[LOCK] = render_lock(suite.name, [loaded], store, files)
    return Report(suite.name, tables, page, files, gallery_sources(results), tuple(problems))


def _title(loaded: LoadedSuite) -> str:
    """Returns the page's heading, which says of tests of the machinery that they are no results."""
    title = loaded.suite.title or loaded.suite.name
    limits = sorted({trial.recipe.limit_batches or 0 for trial in loaded.grid.trials})
    if not any(limits):
        return title
    return (
        f"SMOKE TEST, NOT A RESULT ({limits[-1]} batches of {loaded.suite.recipe.batch_size} images): {title}"
    )


def table_files(table: Table) -> dict[str, str]:
    """Returns the table in every form but HTML, by the name of its file."""
    writers = {"md": to_markdown, "tex": to_latex, "csv": to_csv}
    return {f"{table.key}.{ending}": write(table) for ending, write in writers.items()}


def write_report(report: Report, reports_dir: Path) -> Path:
    """Writes the report's files below ``reports_dir/<suite>`` and returns that folder.

    Raises:
        OSError: the folder cannot be written.
    """
    folder = reports_dir / report.name
    for name, text in report.files.items():
        write_text(folder / name, text)
    return folder


def _origin(
    records: Sequence[Record], loaded: LoadedSuite, store: ResultsStore, problems: Sequence[str]
) -> list[str]:
    """Says in sentences, a line each, what the numbers were computed from, and what could not be read."""
    finished = [record.outcome for record in records if record.outcome is not None]
    failed = [record.trial.id for record in records if record.status == "failed"]
    lines = [
        f"Suite {loaded.source.name}: {len(loaded.grid.trials)} trials, {len(finished)} finished, "
        f"{len(failed)} failed.",
        *(f"Failed: {trial_id}." for trial_id in failed),
        *(f"Left out: {problem.replace(f'{store.root}/', '')}." for problem in problems),
    ]
    if finished:
        seconds = sum(outcome.duration_s for outcome in finished)
        lines.append(
            f"Trials took {seconds / 60:.1f} min together, {seconds / len(finished):.0f} s on average."
        )
        provenances = Counter(
            f"bench {o.provenance.bench} (commit {o.provenance.git_commit}), "
            f"torch {o.provenance.packages.get('torch', '?')}, {o.provenance.device}, "
            f"{o.provenance.precision}, {o.provenance.num_threads} thread(s)"
            + (f", data {short(o.provenance.data)}" if o.provenance.data not in (None, DRAWN) else "")
            for o in finished
        )
        lines += [f"{count} × {text}." for text, count in provenances.most_common()]
        partly = sum("initial weights" in note for outcome in finished for note in outcome.notes)
        if partly:
            lines.append(
                f"{partly} trials started from weights that fill them in part: see initial_weights.json."
            )
    return lines + _origin_of_maps(loaded.grid, store)


def _origin_of_maps(grid: Grid, store: ResultsStore) -> list[str]:
    """Says how many evaluations of maps beside the native one there are, and by which versions."""
    points = [point for point in grid.points if point.cam != NATIVE]
    if not points:
        return []
    counts = Counter(store.state(point.trial.id, point.cam) for point in points)
    found = (store.evaluation(point.trial.id, point.cam) for point in points)
    versions = Counter(
        ", ".join(
            [f"{name} {e.provenance.packages.get(name, '?')}" for name in CAMS[e.method].packages]
            + [e.provenance.device]
        )
        for e in found
        if e is not None and e.provenance is not None
    )
    return [
        f"Maps beside the native one: {len(points)} evaluations, {counts['finished']} finished, "
        f"{counts['failed']} failed.",
        *(f"{count} × {text}." for text, count in versions.most_common()),
    ]
