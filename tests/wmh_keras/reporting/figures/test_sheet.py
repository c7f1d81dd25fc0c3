from wmh_keras.reporting.figures.sheet import LINE, Sheet, wrap_to_width


def test_lines_fit_and_nothing_is_lost():
    text = "one two three " * 10 + "averyveryverylongwordwithoutanyblank" * 3
    lines = wrap_to_width(text, 1.5)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert len(lines) > 5
    assert all(wrap_to_width(line, 1.5) == [line] for line in lines)
    assert wrap_to_width("short", 1.5) == ["short"]
    assert wrap_to_width("", 1.5) == [""]


def test_a_box_grows_with_its_lines():
    sheet = Sheet(5)
    one = sheet.add_box(["a"], left=0, top=0, width=2)
    three = sheet.add_box(["a", "b", "c"], left=0, top=1, width=2)
    assert three.height - one.height == 2 * LINE
    figure = sheet.to_figure()
    assert figure.get_size_inches().tolist() == [5, three.bottom + 0.1]
    (axes,) = figure.axes
    inside = [text.get_position()[1] for text in axes.texts[1:]]
    assert all(three.top < y < three.bottom for y in inside)
