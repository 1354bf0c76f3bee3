"""What the engine answers to each question of ours (20.10 to 28.5): what is read of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bizops.provider.expected import ANY, MAP, NUMBER

if TYPE_CHECKING:
    from bizops.provider.expected import Shape

_TEXTS = {...: str}
_VERSION = {"Index": NUMBER}
_ITERATION = {"Index?": NUMBER}
"""Of a job: the engine leaves out the number of the first one, which is 0 (20.10)."""
_TIMES = {"Delay?": NUMBER, "MaxAttempts?": NUMBER, "Window?": NUMBER, "Condition?": str}
_UPDATE = {"Parallelism?": NUMBER, "Delay?": NUMBER, "FailureAction?": str, "Monitor?": NUMBER,
           "MaxFailureRatio?": NUMBER, "Order?": str}  # fmt: skip
_RESOURCES = {"NanoCPUs?": NUMBER, "MemoryBytes?": NUMBER, "Pids?": NUMBER}
_FILE = {"File?": {"Name?": str, "UID?": str, "GID?": str, "Mode?": NUMBER}}
_MOUNT = {
    "Type?": str,
    "Source?": str,
    "Target?": str,
    "ReadOnly?": bool,
    "VolumeOptions?": {
        "NoCopy?": bool,
        "Labels?": _TEXTS,
        "DriverConfig?": {"Name?": str, "Options?": _TEXTS},
    },
    "BindOptions?": {"Propagation?": str},
    "TmpfsOptions?": {"SizeBytes?": NUMBER, "Mode?": NUMBER},
}
_LISTS = ("Command", "Args", "Env", "Groups", "Hosts", "CapabilityAdd", "CapabilityDrop")
_CONTAINER: Shape = {
    **dict.fromkeys(("Image?", "Hostname?", "Dir?", "User?", "StopSignal?"), str),
    **{f"{key}?": [str] for key in _LISTS},
    "Labels?": _TEXTS,
    "Init?": bool,
    "ReadOnly?": bool,
    "TTY?": bool,
    "OpenStdin?": bool,
    "Isolation?": str,
    "Sysctls?": _TEXTS,
    "Ulimits?": [{"Name": str, "Soft?": NUMBER, "Hard?": NUMBER}],
    "DNSConfig?": {"Nameservers?": [str], "Search?": [str], "Options?": [str]},
    "Privileges?": {"CredentialSpec?": {"File?": str, "Registry?": str}},
    "StopGracePeriod?": NUMBER,
    "Mounts?": [_MOUNT],
    "Healthcheck?": {
        "Test?": [str],
        **dict.fromkeys(("Interval?", "Timeout?", "StartPeriod?", "Retries?"), NUMBER),
    },
    "Secrets?": [{"SecretID?": str, "SecretName?": str, **_FILE}],
    "Configs?": [{"ConfigID?": str, "ConfigName?": str, **_FILE}],
}
_NETWORKS = [{"Target?": str, "Aliases?": [str]}]
_TEMPLATE = {
    "ContainerSpec?": _CONTAINER,
    "Resources?": {
        "Limits?": _RESOURCES,
        "Reservations?": {**_RESOURCES, "GenericResources?": [MAP]},
    },
    "RestartPolicy?": _TIMES,
    "Placement?": {
        "Constraints?": [str],
        "Preferences?": [{"Spread?": {"SpreadDescriptor?": str}}],
        "MaxReplicas?": NUMBER,
        "Platforms?": [MAP],
    },
    "LogDriver?": {"Name?": str, "Options?": _TEXTS},
    "Networks?": _NETWORKS,
    "ForceUpdate?": NUMBER,
}
_MODE = {
    "Replicated?": {"Replicas?": NUMBER},
    "Global?": MAP,
    "ReplicatedJob?": {"MaxConcurrent?": NUMBER, "TotalCompletions?": NUMBER},
    "GlobalJob?": MAP,
}
_PORT = {"TargetPort": NUMBER, "PublishedPort?": NUMBER, "Protocol?": str, "PublishMode?": str}
_SPEC: Shape = {
    "Name": str,
    "Labels?": _TEXTS,
    "TaskTemplate": _TEMPLATE,
    "Mode?": _MODE,
    "Networks?": _NETWORKS,
    "UpdateConfig?": _UPDATE,
    "RollbackConfig?": _UPDATE,
    "EndpointSpec?": {"Mode?": str, "Ports?": [_PORT]},
}
_SERVICE: Shape = {
    "ID": str,
    "Version?": _VERSION,
    "Spec": _SPEC,
    "PreviousSpec?": _SPEC,
    "Endpoint?": {"Ports?": [_PORT]},
    "ServiceStatus?": {"RunningTasks?": NUMBER, "DesiredTasks?": NUMBER},
    "UpdateStatus?": {"State?": str, "Message?": str, "StartedAt?": str, "CompletedAt?": str},
    "JobStatus?": {"JobIteration?": _ITERATION},
}
_NETWORK: Shape = {
    "Id": str,
    "Name": str,
    "Scope?": str,
    "Driver?": str,
    **dict.fromkeys(("Attachable?", "Internal?", "EnableIPv6?"), bool),
    "Labels?": _TEXTS,
    "Options?": _TEXTS,
    "IPAM?": {
        "Driver?": str,
        "Config?": [{"Subnet?": str, "Gateway?": str, "IPRange?": str}],
    },
}
_NAMED: Shape = {"ID": str, "Version?": _VERSION, "Spec": {"Name": str, "Labels?": _TEXTS}}
_NODE: Shape = {
    "ID": str,
    "Spec?": {"Availability?": str, "Role?": str, "Labels?": _TEXTS},
    "Status?": {"State?": str, "Addr?": str},
    "ManagerStatus?": {"Reachability?": str},
    "Description?": {
        "Hostname?": str,
        "Platform?": {"OS?": str, "Architecture?": str},
        "Resources?": {"NanoCPUs?": NUMBER, "MemoryBytes?": NUMBER},
        "Engine?": {"Labels?": _TEXTS},
    },
}
_TASK: Shape = {
    "ID": str,
    "ServiceID?": str,
    "NodeID?": str,
    "Slot?": NUMBER,
    "DesiredState?": str,
    "CreatedAt?": str,
    "UpdatedAt?": str,
    "Spec?": _TEMPLATE,
    "JobIteration?": _ITERATION,
    "Status?": {
        "State?": str,
        "Err?": str,
        "Timestamp?": str,
        "ContainerStatus?": {"ExitCode?": NUMBER},
    },
}
_JOINED: Shape = {
    "Id": str,
    "Names?": [str],
    "Labels?": _TEXTS,
    "NetworkSettings?": {"Networks?": {...: {"NetworkID": str}}},
}
_IMAGE: Shape = {
    "Descriptor?": {"digest?": str},
    "Platforms?": [{"os?": str, "architecture?": str}],
}
_SHAPES: tuple[tuple[str, Shape], ...] = (
    ("/version", {"ApiVersion": str, "Version?": str}),
    ("/swarm", {"ID": str}),
    ("/services", [_SERVICE]),
    ("/services/[^/]+", _SERVICE),
    ("/networks", [_NETWORK]),
    ("/networks/[^/]+", _NETWORK),
    ("/(secrets|configs)", [_NAMED]),
    ("/(secrets|configs)/[^/]+", _NAMED),
    ("/nodes", [_NODE]),
    ("/tasks", [_TASK]),
    ("/containers/json", [_JOINED]),
    ("/distribution/.+/json", _IMAGE),
)


def of(path: str) -> Shape:
    """Give the shape of the answer to GET of a path."""
    return next((shape for pattern, shape in _SHAPES if re.fullmatch(pattern, path)), ANY)
