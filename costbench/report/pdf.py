"""A PDF that is the same bytes whenever it is made of the same chart."""

from io import BytesIO


def same_every_time(pdf: bytes) -> bytes:
    """With its objects in one order: the converter hashes its fonts and resources anew in every process.

    There is no date and no random id in what it writes.
    """
    from pypdf import PdfReader, PdfWriter

    reader, writer, out = PdfReader(BytesIO(pdf)), PdfWriter(), BytesIO()
    for number in reader.xref[0]:
        _in_order(reader.get_object(number))
    writer.add_page(reader.pages[0])
    writer.compress_identical_objects()  # what several parts share was copied for each
    writer.write(out)
    return out.getvalue()


def _in_order(found: object) -> None:
    """Entries of dictionaries by name: objects are numbered as they are met."""
    if isinstance(found, dict):
        entries = sorted(found.items())
        found.clear()
        for name, value in entries:
            dict.__setitem__(found, name, value)
            _in_order(value)
