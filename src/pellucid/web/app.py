"""The routes: a request in, a record out. What they take is in wanted.py, who may ask in guard.py."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pellucid import __version__
from pellucid.datasets.drawing import PARTS
from pellucid.equations.activations import ACTIVATIONS
from pellucid.equations.optimizers import OPTIMIZERS
from pellucid.errors import PellucidError
from pellucid.explain import math_font
from pellucid.explain.numerals import percent
from pellucid.formats.model_file import model_to_bytes
from pellucid.report.page import fingerprint
from pellucid.training.settings import LEARNING_RATES
from pellucid.web import digits, mistakes, steps, wanted
from pellucid.web.aside import aside
from pellucid.web.guard import KEY_IS_MISSING, Guard, RefusalError, cookie_of
from pellucid.web.runs import FIELDS, Trainer
from pellucid.web.samples import PAPER, samples
from pellucid.web.session import MOST_UNDO, Session, Subject
from pellucid.web.steps import Explanations

TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
    "json": "application/json",
}
RATE_LOW, RATE_HIGH = 1e-6, 10.0

Answer = dict[str, Any]


class Asset(NamedTuple):
    """A file of the page, read once."""

    content: bytes
    kind: str


def assets() -> dict[str, Asset]:
    """Read all files of the page: name → content. Only these can be asked for; no path is ever put together."""
    folder = files("pellucid.web").joinpath("static")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.rpartition(".")[2] in TYPES)
    read = {name: Asset(folder.joinpath(name).read_bytes(), TYPES[name.rpartition(".")[2]]) for name in names}
    return read | {"math.woff2": Asset(math_font.content(), TYPES["woff2"])}


class Page:
    """The routes of one session."""

    def __init__(self, session: Session, trainer: Trainer, token: str, key: str | None = None) -> None:
        self.session, self.trainer, self.token, self.key = session, trainer, token, key
        self.explanations = Explanations()
        self.assets = assets()

    def routes(self) -> list[Route]:
        """List every route."""
        api = "/api/v1"
        return [
            Route("/", self.index),
            *(Route(f"/static/{name}", self._static(name)) for name in self.assets if name != "index.html"),
            Route("/favicon.ico", self._static("icon.svg")),
            _get(f"{api}/state", self.state),
            Route(f"{api}/model.safetensors", _in_a_thread(self.model)),
            _get(f"{api}/samples", lambda _: {"paper": PAPER, "digits": samples()}),
            _get(f"{api}/openapi.json", self.description),
            _post(f"{api}/digit", self.digit, ("strokes", "leave_out")),
            _post(f"{api}/neuron", self.neuron, ("pixels", "layer", "place")),
            _post(f"{api}/explanation", self.explain, ("pixels", "index", "label", "learning_rate")),
            Route(f"{api}/explanation/{{number:int}}/picture/{{place:int}}", _in_a_thread(self.picture)),
            _get(f"{api}/explanation/{{number:int}}/numbers/{{place:int}}", self.numbers),
            _get(f"{api}/explanation/{{number:int}}/along", self.along),
            _post(f"{api}/step", self.step, ("id",)),
            _post(f"{api}/undo", self.undo, ("version",)),
            _post(f"{api}/network", self.choose_network, ("source",)),
            _get(f"{api}/evaluation", lambda _: mistakes.evaluation(self.session)),
            _get(f"{api}/mistakes", self.mistakes),
            _get(f"{api}/run", self.run),
            Route(f"{api}/run/weights.png", _in_a_thread(self.weights)),
            _post(f"{api}/run", self.start, FIELDS),
            *(_post(f"{api}/run/{verb}", self._command(verb), ()) for verb in COMMANDS),
            _post(f"{api}/run/rate", self.rate, ("learning_rate",)),
        ]

    # ---- The page --------------------------------------------------------------------------------------------------------

    async def index(self, request: Request) -> Response:
        """Give the page, with the token that its requests shall bear: where there is a key, to who knows it."""
        given = request.query_params.get("key", "")
        if self.key is not None and not hmac.compare_digest(given.encode("utf-8", "replace"), self.key.encode()):
            raise RefusalError(403, "key", KEY_IS_MISSING)
        content = self.assets["index.html"].content.replace(b"{{token}}", self.token.encode())
        response = Response(content, media_type="text/html")
        if self.key is not None:  # for what is only looked at, pictures among it, which bear no token
            response.set_cookie(cookie_of(request.headers["host"]), self.key, httponly=True, samesite="strict")
        return response

    def _static(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        async def give(_: Request) -> Response:
            return Response(self.assets[name].content, media_type=self.assets[name].kind)

        return give

    def description(self, _: Request) -> Answer:
        """Give the description of everything that can be asked."""
        return description()

    # ---- What there is ---------------------------------------------------------------------------------------------------

    def state(self, _: Request | None = None) -> Answer:
        """Say which network the page is about, and what can be done."""
        subject, network = self.session.now, self.session.now.network
        return {
            "instance": self.session.instance,
            "library": __version__,
            "read_only": self.session.read_only,
            "subject": self._subject_record(subject),
            "is_given": subject.name == self.session.given.name and subject.steps == 0,
            "training": _facts(network.model.training, network.model.test_accuracy),
            "engine": f"{network.engine.name}:{network.engine.target}",
            "fingerprint": fingerprint(network),
            "choices": {
                "parts": list(PARTS),
                "data": self.trainer.known_data,
                "activations": list(ACTIVATIONS),
                "solvers": list(OPTIMIZERS),
                "rates": LEARNING_RATES,
                "undo": MOST_UNDO,
            },
            "run": {"state": self.trainer.to_record()["state"]},
        }

    def model(self, _: Request) -> Response:
        """Give the network as a model file, to be saved where the reader likes."""
        headers = {"Content-Disposition": 'attachment; filename="model.safetensors"'}
        content = model_to_bytes(self.session.now.network.model)
        return Response(content, media_type="application/octet-stream", headers=headers)

    def _subject_record(self, subject: Subject) -> Answer:
        architecture = subject.network.architecture
        return {
            "name": subject.name,
            "version": subject.version,
            "steps": subject.steps,
            "can_undo": self.session.can_undo,
            "network": str(architecture),
            "widths": list(architecture.widths),
            "activations": [layer.activation for layer in architecture.hidden],
            "parameters": architecture.n_parameters,
            "classes": [str(name) for name in subject.network.classes],
            "reads_drawings": subject.reads_drawings,
            "tells_classes_apart": subject.tells_classes_apart,
        }

    # ---- Draw ------------------------------------------------------------------------------------------------------------

    def digit(self, given: Answer) -> Answer:
        """Read a drawing."""
        leave_out: Any = wanted.some_of(given, "leave_out", PARTS)
        return digits.read(self.session.now, wanted.strokes(given), leave_out)

    def neuron(self, given: Answer) -> Answer:
        """Show a neuron at work on a drawing."""
        subject = self.session.now
        digits.check_reads_drawings(subject)
        widths = subject.network.architecture.widths
        layer = wanted.whole(given, "layer", 1, len(widths) - 1)
        place = wanted.whole(given, "place", 0, widths[layer] - 1)
        return digits.neuron_record(subject, wanted.pixels(given, widths[0]), layer, place)

    # ---- Step ------------------------------------------------------------------------------------------------------------

    def explain(self, given: Answer) -> Answer:
        """Explain one step of training on a drawing, or on a labelled example."""
        subject, network = self.session.now, self.session.now.network
        if not subject.tells_classes_apart:
            gives = network.task.value
            raise RefusalError(422, "no-classes", f"This network gives {gives}; the page explains networks of classes.")
        names = [str(name) for name in network.classes]
        rate = wanted.number(given, "learning_rate", RATE_LOW, RATE_HIGH, 0.1)
        if "index" in given:
            examples = subject.examples.get()
            index = wanted.whole(given, "index", 0, len(examples.y) - 1)
            x, example, usual = (
                examples.X[index],
                f"Example {index:,} of {examples.what}",
                names[int(examples.y[index])],
            )
        else:
            digits.check_reads_drawings(subject)
            x, example = wanted.pixels(given, network.architecture.inputs), "Your drawing"
            usual = str(network.predict(x))
        label = wanted.one_of(given, "label", names, usual)
        shown = self.explanations.explain(subject, x, network.classes[names.index(label)], rate, example)
        return {**steps.to_record(shown), "can_undo": self.session.can_undo}

    def picture(self, request: Request) -> Response:
        """Draw all numbers of what a step makes."""
        shown = self.explanations.find(request.path_params["number"])
        return Response(steps.picture(shown, request.path_params["place"]), media_type="image/png")

    def numbers(self, request: Request) -> Answer:
        """Write some of the numbers of what a step makes."""
        shown = self.explanations.find(request.path_params["number"])
        return steps.numbers(shown, request.path_params["place"], _asked(request, "from", 0) or 0)

    def along(self, request: Request) -> Answer:
        """Give the loss along the step."""
        shown = self.explanations.find(request.path_params["number"])
        try:
            most = float(request.query_params.get("most", "1"))
        except ValueError:
            most = float("nan")
        return steps.along(shown, wanted.number({"most": most}, "most", RATE_LOW, RATE_HIGH))

    def step(self, given: Answer) -> Answer:
        """Take the step that was explained."""
        self._may_change()
        shown = self.explanations.find(wanted.whole(given, "id", 1, 2**53))
        rate = shown.explanation.learning_rate
        moved = self.session.take_step(shown.subject.version, shown.x.reshape(1, -1), shown.targets, rate)
        return {"subject": self._subject_record(moved)}

    def undo(self, given: Answer) -> Answer:
        """Take the last step back."""
        self._may_change()
        return {"subject": self._subject_record(self.session.undo(wanted.whole(given, "version", 1, 2**53)))}

    def choose_network(self, given: Answer) -> Answer:
        """Make the given network, or the one trained on the page, the one that the page is about."""
        self._may_change()
        if wanted.one_of(given, "source", ("given", "trained")) == "given":
            self.session.reset()
        else:
            self.trainer.use()
        return {"subject": self._subject_record(self.session.now)}

    # ---- Errors ----------------------------------------------------------------------------------------------------------

    def mistakes(self, request: Request) -> Answer:
        """List mistakes."""
        first = _asked(request, "from", 0) or 0
        return mistakes.gallery(self.session, _asked(request, "true"), _asked(request, "taken"), first)

    # ---- Train -----------------------------------------------------------------------------------------------------------

    def run(self, request: Request) -> Answer:
        """Show the training as it stands."""
        return self.trainer.to_record(_asked(request, "seen"))

    def weights(self, _: Request) -> Response:
        """Draw the first layer's weights."""
        return Response(self.trainer.weights_picture(), media_type="image/png")

    def start(self, given: Answer) -> Answer:
        """Begin a training."""
        self._may_change()
        self.trainer.start(given)
        return self.trainer.to_record()

    def rate(self, given: Answer) -> Answer:
        """Change the rate."""
        self._may_change()
        self.trainer.change_rate(given)
        return self.trainer.to_record()

    def _command(self, verb: str) -> Callable[[Answer], Answer]:
        def command(_: Answer) -> Answer:
            self._may_change()
            COMMANDS[verb](self.trainer)
            return self.trainer.to_record()

        return command

    def _may_change(self) -> None:
        if self.session.read_only:
            raise RefusalError(
                403, "read-only", "The server was started with --read-only: nothing can be changed here."
            )


COMMANDS: dict[str, Callable[[Trainer], None]] = {
    "pause": Trainer.pause,
    "resume": lambda trainer: trainer.go_on(),
    "step": lambda trainer: trainer.go_on(1),
    "epoch": lambda trainer: trainer.go_on(to_epochs_end=True),
    "reset": Trainer.reset,
    "discard": Trainer.put_away,
}


def create_app(session: Session, trainer: Trainer, hosts: Collection[str], token: str, key: str | None = None) -> Guard:
    """Put everything together: an ASGI application. With a ``key``, only an address that ends in it leads to the page."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> Any:
        with suppress(asyncio.CancelledError):  # who presses Ctrl-C twice shall see no traceback
            yield
        await run_in_threadpool(trainer.close)  # waited for: it has a limit of its own

    page = Page(session, trainer, token, key)
    handlers: Any = {RefusalError: _refused, PellucidError: _told, HTTPException: _not_found, Exception: _broken}
    app = Starlette(routes=page.routes(), exception_handlers=handlers, lifespan=lifespan)
    app.router.redirect_slashes = False  # an address is ours or not
    return Guard(app, hosts, token, key)


def description() -> Answer:
    """Read the description of the routes, OpenAPI 3.1."""
    import json

    content: Answer = json.loads(files("pellucid.web").joinpath("openapi.json").read_text(encoding="utf-8"))
    return content


def _get(path: str, answer: Callable[[Request], Answer]) -> Route:
    return Route(path, _in_a_thread(lambda request: JSONResponse(answer(request))), methods=["GET"])


def _post(path: str, answer: Callable[[Answer], Answer], known: Collection[str]) -> Route:
    fields = tuple(known)

    async def respond(request: Request) -> Response:
        body = await request.body()
        return await aside(lambda: JSONResponse(answer(wanted.record(body, fields))))

    return Route(path, respond, methods=["POST"])


def _in_a_thread(answer: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        return await aside(lambda: answer(request))

    return respond


def _asked(request: Request, name: str, usual: int | None = None) -> int | None:
    """Read a whole number, 0 or above, from the query."""
    text = request.query_params.get(name)
    if text is None:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise RefusalError(422, "number", f"{name} is {text[:60]!r}; expected a whole number, 0 or above.")
    return int(text)


async def _refused(_: Request, error: RefusalError) -> Response:
    return error.response()


async def _told(_: Request, error: PellucidError) -> Response:
    return RefusalError(422, error.kind, str(error)).response()


async def _not_found(_: Request, error: HTTPException) -> Response:
    sentence = {404: "There is nothing at this address.", 405: "This address does not take that method."}
    response = RefusalError(error.status_code, "address", sentence.get(error.status_code, str(error.detail))).response()
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


async def _broken(_: Request, __: Exception) -> Response:
    return RefusalError(500, "broken", "Something went wrong that should not; the server's window tells.").response()


def _facts(training: Any, test_accuracy: float | None) -> list[dict[str, str]]:
    """List where a model comes from, for people."""
    facts = [("data", (training.get("data") or {}).get("name")), ("recipe", training.get("recipe"))]
    facts += [
        (name.replace("_", " "), training.get(name))
        for name in ("epochs", "batch_size", "solver", "learning_rate", "seed")
    ]
    facts += [("test accuracy", None if test_accuracy is None else percent(test_accuracy))]
    return [{"name": name, "value": str(value)} for name, value in facts if value is not None]
