"""Writes a suite's report: every table as Markdown, LaTeX and CSV, and a page with all of them, HTML too.

All of it comes from records alone, so that the same results give the same bytes. The gallery shows
radiographs, which records do not hold: it is a page of its own (`bench.reporting.gallery.drawing`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.errors import listing
from bench.escapes import markdown, paragraph
from bench.reporting.figures.plots import COLOURS, finding_plot_of, forest_of, published_means
from bench.reporting.gallery.content import gallery_sources
from bench.reporting.lock import LOCK, render_lock
from bench.reporting.references import load_readable
from bench.reporting.tables.build import build_tables
from bench.reporting.tables.claims import claims_csv, claims_table
from bench.reporting.tables.controls import CONSTANT
from bench.reporting.tables.exposure import exposed_trials, with_exposures
from bench.reporting.tables.sensitivity import sensitivity_tables
from bench.reporting.tables.table import Table
from bench.reporting.verdicts import judge
from bench.reporting.writers.csv_cells import to_csv
from bench.reporting.writers.html import GALLERY, PAGE, render
from bench.reporting.writers.latex import to_latex
from bench.reporting.writers.markdown import folded, to_markdown
from bench.results.differences import difference_notes, require_same_data, short
from bench.results.failures import unreadable_sentences
from bench.results.files import write_text
from bench.results.grid_results import Results
from bench.results.provenance import DRAWN
from bench.results.record import CamEvaluation, Record
from bench.results.store import ResultsStore
from bench.suite.cam import CAMS, NATIVE
from bench.suite.grid import Grid
from bench.suite.load import LoadedSuite

ORIGIN = "Where the numbers come from"


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
    notes = {(one.dataset, one.resolution): difference_notes(one.points, store) for one in results.places}
    built = (*build_tables(results, references), *sensitivity_tables(results))
    exposed = exposed_trials(grid, store)
    tables = tuple(
        with_exposures(table, exposed).with_notes(notes[table.subject.dataset, table.subject.resolution])
        for table in sorted(built, key=_place_on_page)
    )
    records = [record for trial in grid.trials if (record := results.record(trial.id)) is not None]
    problems += unreadable_sentences(grid.trials, store)
    title, origin = _title(loaded), _origin(records, loaded, store, problems)
    verdicts = judge(loaded.claims, results)
    claims = []
    if verdicts:
        table = with_exposures(claims_table(verdicts), exposed)
        claims = [table.with_notes(difference_notes(loaded.points, store))]
    sections = [to_markdown(one) if _is_open(one) else folded(one) for one in (*tables, *claims)]
    page = "\n".join([f"# {markdown(title)}\n", *sections, f"### {ORIGIN}\n", *map(paragraph, origin)]) + "\n"
    files = {"README.md": page, PAGE: report_page(suite.name, title, tables, claims, origin)}
    for table in (*tables, *claims):
        files |= table_files(table)
    if verdicts:
        files["claims.csv"] = claims_csv(verdicts)
    files[LOCK] = render_lock(suite.name, [loaded], store, files)
    return Report(suite.name, tables, page, files, gallery_sources(results), tuple(problems))


def report_page(
    name: str,
    title: str,
    tables: Sequence[Table],
    claims: Sequence[Table],
    origin: Sequence[str],
    *,
    gallery: str | None = GALLERY,
) -> str:
    """Returns the page as HTML that needs nothing but itself: a sentence, figures, tables, claims and origin.

    Args:
        name: of the suite.
        title: of it, one line.
        tables: in their order.
        claims: the table of claims; none if the suite claims nothing.
        origin: where the numbers come from, in sentences; the first one counts trials.
        gallery: name of the page that shows heatmaps; None where there is none.
    """
    drawn = [(table, forest_of(table, published_means(name, table))) for table in tables]
    forests = [(table, forest) for table, forest in drawn if forest is not None]
    return render(
        "report.html",
        title=title,
        lead=" ".join([*origin[:1], *(_headline(table) for table, _ in forests)]),
        forests=[forest for _, forest in forests],
        summaries=[table for table in tables if _is_open(table)],
        tables=[(table, finding_plot_of(table)) for table in tables if not _is_open(table)],
        claims=claims,
        origin=origin,
        gallery=gallery,
        colours=COLOURS,
    )


_FIRST = ("summary", "trust")
"""Kinds of tables that a page opens with."""


def _place_on_page(table: Table) -> int:
    """Returns a number by which tables are sorted."""
    kind = table.subject.kind
    return _FIRST.index(kind) if kind in _FIRST else len(_FIRST)


def _is_open(table: Table) -> bool:
    """Returns whether a page shows the table; it folds others under their titles."""
    return table.subject.kind in (*_FIRST, "claims")


def _headline(table: Table) -> str:
    """Says which row points best, or which are equal, and what the best constant point reaches."""
    known = [(row, mean) for row in table.models if (mean := row.cells[0].mean) is not None]
    if not known:
        return ""
    highest = max(mean for _, mean in known)
    best = [row for row, mean in known if mean == highest]
    cell = best[0].cells[0]
    names = f"{listing((row.label for row in best), 2)} {'has' if len(best) == 1 else 'have'}"
    half_width = f" ± {cell.printed_half_width}" if cell.printed_half_width is not None else ""
    constant = next((row.cells[1].printed_mean for row in table.references if row.label == CONSTANT), None)
    against = f"; the best constant point reaches {constant}" if constant is not None else ""
    reached = f"{cell.printed_mean}{half_width}{against}"
    return f"On {table.subject.place}, {names} the highest weighted point accuracy, {reached}."


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


def _computed_by(evaluation: CamEvaluation) -> str:
    """Returns the versions of the packages that computed finished maps, and the device."""
    provenance = evaluation.provenance
    assert provenance is not None
    packages = [f"{name} {provenance.packages.get(name, '?')}" for name in CAMS[evaluation.method].packages]
    if (source := provenance.cam_source) is not None:
        packages.append(f"{source.distribution or source.module} {source.version or ''}".rstrip())
    return ", ".join([*packages, provenance.device])


def _origin_of_maps(grid: Grid, store: ResultsStore) -> list[str]:
    """Says how many evaluations of maps beside the native one there are, and by which versions."""
    points = [point for point in grid.points if point.cam != NATIVE]
    if not points:
        return []
    counts = Counter(store.state(point.trial.id, point.cam) for point in points)
    found = (store.evaluation(point.trial.id, point.cam) for point in points)
    versions = Counter(_computed_by(e) for e in found if e is not None and e.provenance is not None)
    return [
        f"Maps beside the native one: {len(points)} evaluations, {counts['finished']} finished, "
        f"{counts['failed']} failed.",
        *(f"{count} × {text}." for text, count in versions.most_common()),
    ]
