# SPDX-License-Identifier: MIT
"""A compiled ESPHome program in a lab, seen through its API as Home Assistant sees it."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Self

from aioesphomeapi import APIClient, APIConnectionError, EntityInfo, EntityState, UserService

from lab import Lab, Place
from process import Process
from program import API_PORT

STATE_SECONDS = 20
CONNECT_SECONDS = 15
RETRY_SECONDS = 0.05

type Value = str | bool | None


@contextlib.contextmanager
def _inside(namespace: str) -> Iterator[None]:
    """Let sockets that this thread makes be sockets of a network namespace; they stay that afterwards."""
    with Path("/proc/thread-self/ns/net").open() as home, Path(f"/run/netns/{namespace}").open() as there:
        os.setns(there.fileno(), os.CLONE_NEWNET)
        try:
            yield
        finally:
            os.setns(home.fileno(), os.CLONE_NEWNET)


@contextlib.asynccontextmanager
async def connected(client: APIClient, namespace: str, seconds: float) -> AsyncIterator[APIClient]:
    """Use a client from within a network namespace for the block. Raises APIConnectionError."""
    try:
        async with asyncio.timeout(seconds):
            with _inside(namespace):
                await client.connect(login=True)
    except TimeoutError as error:
        message = f"no answer within {seconds} s"
        raise APIConnectionError(message) from error
    try:
        yield client
    finally:
        await client.disconnect(force=True)


class Device(Process):
    """The program with a home of its own. Its sensors are known by their ids of entities.yaml, without "tailnet_"."""

    def __init__(self, lab: Lab, place: Place, program: Path) -> None:
        """Nothing is started yet."""
        name = program.parent.name
        super().__init__(lab.enter(place), name, lab.directory / f"home-{name}")
        self._namespace = f"{lab.name}-{place}"
        self._program = program
        self._client: APIClient | None = None
        self._entities: dict[int, EntityInfo] = {}
        self._services: list[UserService] = []
        self._changed = asyncio.Event()
        self._values: dict[str, Value] = {}
        self.history: list[tuple[str, Value]] = []
        self.auth_keys: list[str] = []
        lab.adopt(self)

    @property
    def preferences(self) -> Path:
        """Where ESPHome keeps what survives a restart."""
        return self.directory / ".esphome" / "prefs"

    @property
    def identity(self) -> Path:
        """Where the node's records are."""
        return self.preferences / f"{self.name}.microlink"

    async def start(self) -> Self:
        """Start the program and connect to its API."""
        self.spawn([self._program], {"HOME": str(self.directory)})
        self._values.clear()
        self.history.clear()
        async with asyncio.timeout(CONNECT_SECONDS):
            while True:
                try:
                    await self._connect()
                except APIConnectionError:
                    assert self.running(), f"{self.name} ended with {self.exit_status()}: {self.tail()}"
                    await asyncio.sleep(RETRY_SECONDS)
                else:
                    return self

    async def disconnect(self) -> None:
        """Leave the API."""
        if self._client is not None:
            await self._client.disconnect(force=True)
            self._client = None

    async def restart(self) -> None:
        """End the program in good order and start it again."""
        await self.disconnect()
        assert self.stop() == 0
        await self.start()

    def value(self, sensor: str) -> Value:
        """Return a sensor's last state; None while it has none."""
        return self._values.get(sensor)

    async def wait(
        self, sensor: str, wanted: Value | Callable[[Value], object], seconds: float = STATE_SECONDS
    ) -> Value:
        """Wait until a sensor has a state, or one that `wanted` likes; that state."""
        check = wanted if callable(wanted) else lambda value: value == wanted
        try:
            async with asyncio.timeout(seconds):
                while not (sensor in self._values and check(self._values[sensor])):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            message = f"{sensor} was not {wanted} within {seconds} s; it went {self.history}"
            raise AssertionError(message) from None
        return self._values[sensor]

    async def wait_online(self, seconds: float = STATE_SECONDS) -> None:
        """Wait until the node is on the tailnet, by every sensor that says so."""
        await self.wait("state", "online", seconds)
        await self.wait("connected", wanted=True)

    async def join(self, auth_key: str) -> None:
        """Let the node in."""
        await self.enrol(auth_key)
        await self.wait_online()

    async def enrol(self, auth_key: str) -> None:
        """Do what a person does: see that the node is not let in, and give it a key."""
        await self.wait("state", lambda state: state in {"needs-login", "rejected"})
        await self.set_auth_key(auth_key)

    async def set_auth_key(self, auth_key: str) -> None:
        """Give the node a key through the action in node.yaml."""
        assert self._client is not None
        self.auth_keys.append(auth_key)
        action = next(service for service in self._services if service.name == "set_auth_key")
        await self._client.execute_service(action, {"auth_key": auth_key})

    async def set_allowed_peers(self, peers: str) -> None:
        """Set the list through the action in node.yaml."""
        assert self._client is not None
        action = next(service for service in self._services if service.name == "set_allowed_peers")
        await self._client.execute_service(action, {"allowed_peers": peers})

    async def set_text(self, name: str, value: str) -> None:
        """Edit a text entity, as a person does."""
        assert self._client is not None
        key = next(key for key, entity in self._entities.items() if entity.object_id == f"tailnet_{name}")
        self._client.text_command(key, value)

    def sensors(self) -> list[str]:
        """Return the ids of what the API offers."""
        return [entity.object_id for entity in self._entities.values()]

    async def answers(self) -> bool:
        """Whether the main loop serves the API."""
        assert self._client is not None
        return (await self._client.device_info()).name == self.name

    def secrets(self) -> dict[str, bytes]:
        """Return every secret that this node was given or has made, by what it is."""
        found = {f"auth key {number}": key.encode() for number, key in enumerate(self.auth_keys)}
        for name in ("machine-key", "node-key", "disco-key"):
            data = (self.identity / name).read_bytes()
            for start in range(len(data) - 31):  # wherever in the record the key begins
                found[f"{name} at {start}"] = data[start : start + 32]
        return found

    async def _connect(self) -> None:
        client = APIClient("127.0.0.1", API_PORT, None)
        with _inside(self._namespace):
            await client.connect(login=True)
        self._client = client
        entities, self._services = await client.list_entities_services()
        self._entities = {entity.key: entity for entity in entities}
        client.subscribe_states(self._on_state)

    def _on_state(self, state: EntityState) -> None:
        name = self._entities[state.key].object_id.removeprefix("tailnet_").removesuffix("_address")
        value: Value = None if getattr(state, "missing_state", False) else getattr(state, "state", None)
        if value is None:
            return
        self._values[name] = value
        self.history.append((name, value))
        self._changed.set()
