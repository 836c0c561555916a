from bowerbird.paper import documents
from bowerbird.runs import project_root


def test_whatever_a_part_lives_in_is_there():
    for part in documents.PARTS:
        for name in part.lives:
            module = project_root() / "src" / "bowerbird" / f"{name}.py"
            notebook = project_root() / "notebooks" / f"{name}.ipynb"
            assert module.is_file() or notebook.is_file(), f"{part.document} {part.place}: no {name}"


def test_every_document_has_parts_and_each_stands_once():
    assert {part.document for part in documents.PARTS} == set(documents.DOCUMENTS)
    assert len({(part.document, part.place, part.claim) for part in documents.PARTS}) == len(documents.PARTS)
    assert all(part.place and part.claim and part.lives for part in documents.PARTS)


def test_the_page_maps_every_part():
    text = documents.page()
    assert len(documents.documents_table()) == len(documents.PARTS)
    assert all(f"## {key} · {title}" in text for key, title in documents.DOCUMENTS.items())
    assert all(part.claim in text for part in documents.PARTS)
