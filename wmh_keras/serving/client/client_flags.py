"""The flags of wmh-client that say which server, and how to ask it."""

from pathlib import Path

from absl import flags

from data_prep.errors import UsageError, UserError
from wmh_keras.serving.client.connection import PROTOCOLS, Connection, Tls
from wmh_keras.serving.client.route import LARGEST_VOLUME_MB, ROUTES, Route
from wmh_keras.shipped import SHIPPED


def define_connection_flags(flag_values: flags.FlagValues) -> None:
    """Defines where the server is, and how to get there."""
    common = {"flag_values": flag_values}
    flags.DEFINE_string(
        "server", None, "HOST:PORT, such as localhost:8500.", **common
    )
    flags.DEFINE_enum(
        "protocol",
        PROTOCOLS[0],
        PROTOCOLS,
        "grpc needs the extra client and is the fast one; rest needs nothing "
        "and sends numbers as text: several times the bytes.",
        **common,
    )
    flags.DEFINE_float(
        "timeout_seconds",
        300,
        "How long to wait for one answer; over REST, for one sign of it.",
        lower_bound=0.001,
        **common,
    )
    flags.DEFINE_integer(
        "retries",
        4,
        "Further tries where the server is away or busy (after 0.5, 1, 2, 4, … "
        "seconds). Never after a refusal, a missing model or a time-out.",
        lower_bound=0,
        upper_bound=100,
        **common,
    )
    flags.DEFINE_boolean(
        "tls", False, "Secure the connection, and check the server.", **common
    )
    flags.DEFINE_string(
        "ca_file",
        None,
        "With --tls: certificates to trust (PEM), by default the usual ones.",
        **common,
    )
    flags.DEFINE_string(
        "client_cert",
        None,
        "With --tls: the client's certificate (PEM), where the server asks.",
        **common,
    )
    flags.DEFINE_string(
        "client_key", None, "With --client_cert: its key (PEM).", **common
    )
    flags.DEFINE_string(
        "token_file",
        None,
        "With --tls: a file whose content is sent as a bearer token, for a "
        "proxy that asks for one.",
        **common,
    )


def connection_from(flag_values: flags.FlagValues) -> Connection:
    """Returns what the flags of `define_connection_flags` say.

    Raises:
      UsageError: values that do not go together.
      UserError: a file that cannot be read.
    """
    secured = ("ca_file", "client_cert", "client_key", "token_file")
    given = [name for name in secured if flag_values[name].value]
    if given and not flag_values.tls:
        raise UsageError(f"--{given[0]}: only with --tls")
    tls = token = None
    if flag_values.token_file:
        token = _read_token(Path(flag_values.token_file))
    try:
        if flag_values.tls:
            tls = Tls(
                *(
                    Path(flag_values[name].value) if name in given else None
                    for name in secured[:3]
                )
            )
        return Connection(
            server=flag_values.server,
            protocol=flag_values.protocol,
            timeout_seconds=flag_values.timeout_seconds,
            tls=tls,
            token=token or "",
        )
    except UserError as error:
        raise UsageError(str(error)) from error


def define_served_model_flags(flag_values: flags.FlagValues) -> None:
    """Defines which model of the server, and how volumes travel."""
    common = {"flag_values": flag_values}
    flags.DEFINE_string(
        "model_name", "wmh", "The model's name at the server.", **common
    )
    flags.DEFINE_integer(
        "model_version",
        None,
        "The version to ask; by default the highest that is available. One "
        "run asks one version, whatever the server loads meanwhile.",
        lower_bound=1,
        **common,
    )
    flags.DEFINE_multi_string(
        "model",
        [],
        "Work folder or model folder of the model that it has to be (repeated, "
        f"of an ensemble), or {SHIPPED}, the package's own: another one at the "
        "server is refused. Not needed; a model that wmh-export made says what "
        "it is.",
        **common,
    )
    flags.DEFINE_enum(
        "route",
        ROUTES[0],
        ROUTES,
        "volume: a scan goes whole, the server prepares it; slices: it is "
        "prepared here and its slices go in batches, so that no message is "
        "large; auto: whole up to --max_volume_mb. The results agree but for "
        "rounding.",
        **common,
    )
    flags.DEFINE_float(
        "max_volume_mb",
        Route.max_volume_mb,
        "Of --route=auto: scans with more megabytes of float32 (4 bytes a "
        "voxel and image) go as slices.",
        lower_bound=0,
        upper_bound=LARGEST_VOLUME_MB,
        **common,
    )
    flags.DEFINE_integer(
        "batch_size",
        Route.batch_size,
        "Slices in one request.",
        lower_bound=1,
        **common,
    )


def route_from(flag_values: flags.FlagValues) -> Route:
    """Returns what the flags say of how volumes travel."""
    return Route(
        name=flag_values.route,
        max_volume_mb=flag_values.max_volume_mb,
        batch_size=flag_values.batch_size,
    )


def _read_token(path: Path) -> str:
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise UsageError(f"--token_file={path}: {error}") from error
    if not token or not token.isprintable() or " " in token:
        raise UsageError(f"--token_file={path}: expected one word, the token")
    return token
