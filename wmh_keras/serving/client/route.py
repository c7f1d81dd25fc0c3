"""How volumes travel to a server and back."""

import dataclasses

ROUTES = ("auto", "volume", "slices")
# A message of protobuf has at most 2 GiB, and an answer is larger than its
# volume by a quarter.
LARGEST_VOLUME_MB = 1500.0


@dataclasses.dataclass(frozen=True)
class Route:
    """How volumes travel.

    Attributes:
      name: "volume": whole, the server prepares them; "slices": prepared
        here, and sent a batch at a time; "auto": whole up to a size.
      max_volume_mb: of "auto", up to how many megabytes of float32 (all
        images of a scan together) a volume goes whole.
      batch_size: of "slices", in one request.
    """

    name: str = ROUTES[0]
    max_volume_mb: float = 64.0
    batch_size: int = 8

    def __post_init__(self) -> None:
        if self.name not in ROUTES:
            raise ValueError(
                f"expected a route of {ROUTES}, received {self.name!r}"
            )
        if not 0 <= self.max_volume_mb <= LARGEST_VOLUME_MB:
            raise ValueError(
                f"max_volume_mb: expected 0 to {LARGEST_VOLUME_MB:g}, received "
                f"{self.max_volume_mb}"
            )

    def sends_whole(self, num_voxels: int) -> bool:
        """Tells whether the images of a scan go whole.

        Args:
          num_voxels: of all of them together.
        """
        if self.name != "auto":
            return self.name == "volume"
        return num_voxels * 4 <= self.max_volume_mb * 1e6
