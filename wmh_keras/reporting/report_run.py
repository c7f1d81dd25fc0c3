"""A whole report: from what the user asked for to what was written."""

import base64
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from data_prep.files import (
    locked_folder,
    nan_to_none,
    sha256_of,
    write_csv,
    write_json,
    write_text,
)
from data_prep.program import progress
from data_prep.version import installed_versions
from wmh_keras.reporting import report_folder
from wmh_keras.reporting.figures.all_figures import NUM_FIGURES, make_figures
from wmh_keras.reporting.figures.illustration import Illustration
from wmh_keras.reporting.figures.save import save_figure
from wmh_keras.reporting.report_inputs import read_study
from wmh_keras.reporting.report_page import FigureEntry, render_report
from wmh_keras.reporting.report_request import Report, ReportRequest
from wmh_keras.reporting.report_text import manuscript_text
from wmh_keras.reporting.report_warnings import collect_warnings
from wmh_keras.reporting.study import Study
from wmh_keras.reporting.tables.all_tables import make_tables
from wmh_keras.reporting.tables.table import Table

# A larger SVG, such as one with pictures in it, is a PNG on the page.
_LARGEST_SVG_BYTES = 400_000


def write_report(request: ReportRequest) -> Report:
    """Reads the inputs, then writes tables, figures, page and record.

    Args:
        request: what is reported, and where it goes.

    Raises:
        UserError: inputs that cannot be used, all of them named, or a folder
            that holds something else; nothing is written then.
    """
    folder = request.output_dir
    report_folder.check_place(
        folder, request.inputs_as_json(), overwrite=request.overwrite
    )
    study = read_study(request)
    tables = make_tables(study)
    warnings = collect_warnings(study)
    with locked_folder(folder, "another process writes a report here"):
        report_folder.clear(folder)
        for table in tables:
            _write_table(folder, table)
        figures = list(_write_figures(folder, study))
        page = folder / report_folder.PAGE_FILE
        write_text(
            page,
            render_report(
                request.title,
                study,
                tables,
                figures,
                warnings=warnings,
                manuscript=manuscript_text(study),
            ),
        )
        record = _record(request, study, tables, figures, warnings)
        write_json(folder / report_folder.RECORD_FILE, nan_to_none(record))
    return Report(
        page=page,
        tables=sum(not item.missing for item in tables),
        figures=sum(not item.missing for item in figures),
        missing=tuple(
            f"{item.title}: {item.missing}"
            for item in itertools.chain(tables, figures)
            if item.missing
        ),
        warnings=warnings,
    )


def _write_table(folder: Path, table: Table) -> None:
    if not table.missing:
        path = folder / report_folder.TABLES_FOLDER / f"{table.name}.csv"
        write_csv(path, table.columns, table.records)


def _write_figures(folder: Path, study: Study) -> Iterator[FigureEntry]:
    drawn = progress(
        make_figures(study), "draw", total=NUM_FIGURES, unit="figure"
    )
    for illustration in drawn:
        yield _write_figure(folder / report_folder.FIGURES_FOLDER, illustration)


def _write_figure(folder: Path, illustration: Illustration) -> FigureEntry:
    source, inches = "", 0.0
    if illustration.figure is not None:
        inches = float(illustration.figure.get_figwidth())
        png, svg = save_figure(illustration.figure, folder / illustration.name)
        if svg.stat().st_size <= _LARGEST_SVG_BYTES:
            source = _data_uri(svg, "image/svg+xml")
        else:
            source = _data_uri(png, "image/png")
    return FigureEntry(
        name=illustration.name,
        title=illustration.title,
        caption=illustration.caption,
        missing=illustration.missing,
        source=source,
        inches=inches,
    )


def _data_uri(path: Path, media_type: str) -> str:
    code = base64.b64encode(path.read_bytes()).decode("ascii")
    return f"data:{media_type};base64,{code}"


def _record(
    request: ReportRequest,
    study: Study,
    tables: Sequence[Table],
    figures: Sequence[FigureEntry],
    warnings: Sequence[str],
) -> dict[str, Any]:
    """What report.json says; no date, so that the same gives the same."""
    return {
        "format": report_folder.FORMAT,
        "inputs": request.inputs_as_json(),
        "settings": request.settings_as_json(),
        "evaluations": [
            {
                "name": evaluation.name,
                "num_subjects": evaluation.summary["num_subjects"],
                "num_volumes": evaluation.summary["num_volumes"],
                "evaluated": evaluation.summary["evaluated"],
                "versions": evaluation.summary.get("versions"),
                "sha256": report_folder.digests(evaluation.folder),
            }
            for evaluation in study.evaluations
        ],
        "ratings_sha256": (
            None if request.ratings is None else sha256_of(request.ratings)
        ),
        "data_identity": (
            None if study.data is None else study.data.card["identity"]
        ),
        "tables": [_item(table) for table in tables],
        "figures": [_item(figure) for figure in figures],
        "warnings": list(warnings),
        "versions": installed_versions(),
    }


def _item(item: Table | FigureEntry) -> dict[str, str]:
    fields = ("name", "title", "missing")
    return {name: getattr(item, name) for name in fields}
