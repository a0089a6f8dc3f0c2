"""A bug of the emulator is an error of the statement, and the session continues."""

import pytest

from tests.emulators.redshift.errors import (
    ClientDisconnected,
    RedshiftError,
    internal_errors,
)


@pytest.mark.parametrize("error", [KeyError("name"), ValueError("x"), OSError(5, "io")])
def test_unexpected_exception_becomes_an_error_for_the_client(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RedshiftError) as caught, internal_errors():
        raise error
    expected = f"internal error of the emulator: {type(error).__name__}"
    assert expected in caught.value.message
    assert not caught.value.is_fatal
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("error", [ClientDisconnected(), RedshiftError("a", "b")])
def test_other_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, internal_errors():
        raise error
    assert caught.value is error
