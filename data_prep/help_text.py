"""What `--help` of every program shows."""

import shutil
import textwrap
from typing import Any

from absl import flags

# What absl adds to the help of a flag that may be repeated: ours say it.
_ABSL_REPEAT = "; repeat this option to specify a list of values"


def format_help(
    name: str, description: str, flag_values: flags.FlagValues
) -> str:
    """Returns the text of `--help`: the description, then every flag."""
    width = min(shutil.get_terminal_size((100, 24)).columns, 100)
    lines = [name, "", textwrap.dedent(description).strip(), "", "Flags:"]
    indent = " " * 6
    for flag in _flags_in_order(flag_values):
        lines.append(f"  --{flag.name}{_format_default(flag)}")
        lines += textwrap.wrap(
            _help_text(flag),
            width,
            initial_indent=indent,
            subsequent_indent=indent,
        )
    lines += [
        "  --flagfile=FILE",
        f"{indent}Read flags from a file, one --flag=value a line; what "
        "comes later wins.",
        "  --help, --version",
    ]
    return "\n".join(lines)


def _flags_in_order(flag_values: flags.FlagValues) -> list[flags.Flag]:
    own = [flag_values[name] for name in flag_values]
    unique = {flag.name: flag for flag in own}
    return list(unique.values())


def _help_text(flag: flags.Flag) -> str:
    text = " ".join((flag.help or "").split()).removesuffix(_ABSL_REPEAT)
    if isinstance(flag.parser, flags.EnumParser):
        # absl puts the choices in front; they stand behind the name already.
        return text.removeprefix(f"<{'|'.join(flag.parser.enum_values)}>: ")
    return text


def _format_default(flag: flags.Flag) -> str:
    if flag.boolean:
        return f"  (default: {'yes' if flag.default else 'no'}; " + (
            f"--no{flag.name} turns it off)" if flag.default else "off)"
        )
    if isinstance(flag.parser, flags.EnumParser):
        choices = "|".join(flag.parser.enum_values)
        default = "" if flag.default is None else f"  (default: {flag.default})"
        return f"={choices}{default}"
    default: Any = flag.default
    if default is None or default == "" or default == []:
        return "=…"
    if isinstance(default, list):
        default = ",".join(map(str, default))
    return f"=…  (default: {default})"
