"""Who and which scan a row of a table is about."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class VolumeKey:
    """Who and which scan a row is about.

    Attributes:
        subject_id: without the "sub-" of BIDS.
        session: "" where there is none, as run and site.
        run: of several in a session.
        site: where it was acquired.
    """

    subject_id: str
    session: str = ""
    run: str = ""
    site: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        """What has to be unique: (subject_id, session, run)."""
        return (self.subject_id, self.session, self.run)

    def __str__(self) -> str:
        parts = [f"subject {self.subject_id}"]
        if self.session:
            parts.append(f"session {self.session}")
        if self.run:
            parts.append(f"run {self.run}")
        return ", ".join(parts)


KEY_COLUMNS = tuple(f.name for f in dataclasses.fields(VolumeKey))
