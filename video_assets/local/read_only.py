"""Dagster's web server that shows everything and changes nothing: `python -m video_assets.local.read_only`, its options.

With --read-only Dagster itself refuses what would change anything. Where a refusal does not fit a mutation's type (those of
pools), it answers 500, as if it were broken; here that is 403.
Belongs here: that answer. Does not belong here: who may look (a proxy in front).
"""

import sys
from typing import Any

from dagster_webserver import app, cli
from dagster_webserver.webserver import DagsterWebserver
from starlette.requests import Request
from starlette.responses import JSONResponse

from video_assets.interpreter import settle

_REFUSED = {"data": None, "errors": [{"message": "this server shows everything and changes nothing: not permitted here"}]}


class ReadOnlyWebserver(DagsterWebserver):
    """Refusals are 403, whatever they refuse."""

    async def execute_graphql_request(
        self, request: Request, query: str, variables: dict[str, Any] | None, operation_name: str | None
    ) -> JSONResponse:
        """As Dagster's; its only 500 that names a missing permission is one of these."""
        answer = await super().execute_graphql_request(request, query, variables, operation_name)
        if answer.status_code == 500 and b"UnauthorizedError" in answer.body:
            return JSONResponse(_REFUSED, status_code=403)
        return answer


def main() -> None:
    """Serve until told to stop."""
    settle()
    app.DagsterWebserver = ReadOnlyWebserver  # what its command line makes
    sys.argv[0] = "dagster-webserver"
    sys.argv.append("--read-only")
    cli.main()


if __name__ == "__main__":
    main()
