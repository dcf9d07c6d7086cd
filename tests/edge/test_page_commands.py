"""`heelfirst page`: a code for one more screen, and disconnecting all."""

from page_room import Visitor
from typer.testing import CliRunner

from edge.page.commands import page
from edge.page.example import example_page

CONFIG = '[state]\ndir = "{}"\n'


def run(folder, command):
    config = folder / "agent.toml"
    config.write_text(CONFIG.format(folder))
    result = CliRunner().invoke(page, [command, "--config", str(config)])
    assert result.exit_code == 0, result.output
    return result.output.strip()


async def test_code_of_the_console_connects_while_the_agent_runs(tmp_path):
    async with example_page(tmp_path) as example:
        first = example.server.code
        code = run(tmp_path, "code")
        assert len(code) == 6
        visitor = Visitor(example.server.address)
        assert (await visitor.pair(code)).status == 303
        if code != first:
            assert (await Visitor(example.server.address).pair(first)).status == 403
        run(tmp_path, "unpair")
        assert (await visitor.ask("GET", "/words")).status == 401
