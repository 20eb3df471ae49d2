"""Which device the networks run on, how much memory it has, and why not a better one."""

from __future__ import annotations

import re
from dataclasses import dataclass

import psutil

from tomoscribe.core.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Device:
    """A device as torch names it, with the memory that is free on it now.

    Args:
        name: ``cpu`` or ``cuda:N``.
        description: in words, e.g. the GPU's name.
    """

    name: str
    description: str
    free_bytes: int
    total_bytes: int


def available_devices() -> tuple[Device, ...]:
    """The CPU and every usable CUDA device, the best first."""
    import torch

    devices = []
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, total = torch.cuda.mem_get_info(index)
        name = torch.cuda.get_device_name(index)
        devices.append(Device(name=f"cuda:{index}", description=name, free_bytes=free, total_bytes=total))
    return (*devices, _cpu())


def choose_device(wanted: str) -> Device:
    """The device for ``auto``, ``cpu`` or ``cuda:N``; ``auto`` is the CUDA device with most free memory, else the CPU.

    Raises:
        ConfigError: another word, or a CUDA device that is not there, with the reason.
    """
    if wanted == "cpu":
        return _cpu()
    if wanted == "auto":
        devices = available_devices()
        return max(devices, key=lambda d: (d.name != "cpu", d.free_bytes))
    if not re.fullmatch(r"cuda:\d+", wanted):
        raise ConfigError(f"expected --device auto, cpu or cuda:N, found '{wanted}'")
    for device in available_devices():
        if device.name == wanted:
            return device
    raise ConfigError(f"{wanted} is not usable: {why_no_cuda()}", remedy="use --device cpu or auto")


def why_no_cuda() -> str:
    """Why torch uses no GPU here, in words; or how many it sees."""
    import torch

    if torch.version.cuda is None:
        return "this torch was built without CUDA"
    if not torch.cuda.is_available():
        return "torch was built with CUDA but sees no GPU with a working driver"
    return f"torch sees {torch.cuda.device_count()} CUDA device(s)"


def _cpu() -> Device:
    memory = psutil.virtual_memory()
    cores = psutil.cpu_count(logical=True) or 1
    return Device(name="cpu", description=f"{cores} CPU cores", free_bytes=memory.available, total_bytes=memory.total)
