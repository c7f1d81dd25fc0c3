r"""Shares prepared data sets between sites.

  wmh-share pack    checks that a data set says nobody's name, and packs it
                    with card, checksums, licence and citation
  wmh-share verify  checks a pack that was received, to its last voxel
  wmh-share merge   makes one data set of the packs of several sites

A pack is a folder to copy as one likes (rsync, tar). It loads with plain
tensorflow-datasets, and is a --data_dir for wmh-train and the others.

  wmh-share pack --data_dir=DATA --output=PACK --heads=defaced \
      --licence=CC-BY-4.0 --citation=citation.bib --contact="Trial office"
  wmh-share verify --data_dir=PACK
  wmh-share merge --packs=PACK_A,PACK_B --output=MERGED
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from data_prep.errors import UsageError
from data_prep.program import EXIT_FAILED, EXIT_OK, require, run_program
from tfds_wmh.sharing import (
    checksums,
    merging,
    messages,
    packing,
    share_flags,
    verifying,
)
from wmh_keras import distribution


def pack(flag_values: flags.FlagValues) -> int:
    """Checks a prepared data set, and packs it if nothing is wrong."""
    request = share_flags.pack_request_from(flag_values)
    if packing.is_packed(request):
        return _check_finished(request.output, "pack")
    distribution.import_tensorflow()
    inspection = packing.inspect(request)
    print(messages.format_inspection(request, inspection))
    if inspection.problems or inspection.findings:
        print(f"Nothing was written to {request.output}.")
        return EXIT_FAILED
    if flag_values.dry_run:
        print(f"--dry_run: nothing was written to {request.output}.")
        return EXIT_OK
    packing.write_pack(request, inspection)
    print(messages.format_written(request.output))
    return EXIT_OK


def verify(flag_values: flags.FlagValues) -> int:
    """Checks a pack: checksums, counts, features, splits, identifiers."""
    require(flag_values, "data_dir")
    folder = Path(flag_values.data_dir)
    distribution.import_tensorflow()
    verified = verifying.verify_pack(folder)
    print(messages.format_verified(folder, verified))
    return EXIT_FAILED if verified.problems else EXIT_OK


def merge(flag_values: flags.FlagValues) -> int:
    """Makes one data set of several packs, without rewriting a record."""
    request = share_flags.merge_request_from(flag_values)
    packs = merging.open_packs(request)
    if merging.is_merged(request, packs):
        return _check_finished(request.output, "data set")
    distribution.import_tensorflow()
    if problems := merging.verify_packs(packs):
        print(messages.format_problems(problems))
        print(f"Nothing was written to {request.output}.")
        return EXIT_FAILED
    merging.write_merged(request, packs)
    print(messages.format_written(request.output))
    return EXIT_OK


def _check_finished(output: Path, what: str) -> int:
    """Says that there is nothing to do, unless a file changed since then."""
    if problems := checksums.check_sums(output, checksums.read_sums(output)):
        print(messages.format_problems(problems))
        print(
            f"{output}: is not as it was written; remove it, and the same "
            "command writes it again."
        )
        return EXIT_FAILED
    print(f"{output}: holds this very {what}; nothing to do.")
    return EXIT_OK


_COMMANDS = {
    "pack": (pack, share_flags.define_pack_flags),
    "verify": (verify, share_flags.define_verify_flags),
    "merge": (merge, share_flags.define_merge_flags),
}


def cli(argv: Sequence[str] | None = None) -> int:
    """Runs the command that comes first."""
    program, *arguments = sys.argv if argv is None else argv
    command = arguments[0] if arguments else ""
    if command in _COMMANDS:
        main, define_flags = _COMMANDS[command]
        return run_program(
            name=f"wmh-share {command}",
            description=main.__doc__ or "",
            define_flags=define_flags,
            main=main,
            argv=[program, *arguments[1:]],
        )

    def complain(flag_values: flags.FlagValues) -> int:
        del flag_values
        raise UsageError(
            f"expected a command first, {', '.join(_COMMANDS)}, received "
            f"{command!r}"
        )

    return run_program(
        name="wmh-share",
        description=f"{__doc__}\n`wmh-share COMMAND --help` lists its flags.",
        define_flags=lambda flag_values: None,
        main=complain,
        argv=[program, *(a for a in arguments if a.startswith("-"))],
    )


if __name__ == "__main__":
    sys.exit(cli())
