"""Frames into tables by COPY, the way in for whole tables of the loader and of tests."""

from __future__ import annotations

import io

import pandas as pd

from perennial.stores.sessions import Session

ROWS_PER_CHUNK = 200_000


def copy_frame(session: Session, table: str, frame: pd.DataFrame) -> int:
    """Append the frame to the table of that (schema-qualified, trusted) name; its columns name the table's. Missing is null."""
    cursor = session.connection.cursor()
    columns = ", ".join(frame.columns)
    for first in range(0, len(frame), ROWS_PER_CHUNK):
        text = frame.iloc[first : first + ROWS_PER_CHUNK].to_csv(index=False, header=False)
        cursor.copy_expert(f"copy {table} ({columns}) from stdin (format csv)", io.StringIO(text))
    cursor.close()
    return len(frame)
