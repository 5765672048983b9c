"""Runs openstack commands, each in a fork of this process.

The client takes seconds of a processor to load, and all of its commands share
what is loaded. A log-in takes a third of a second, by design of its hash, so
commands of one user share a token as well, as the client does with a cache of
tokens; one that the cloud refuses is had anew. The argument names a folder, in
which the Unix socket is made and tokens are kept. A request is a line of JSON:
argv, env, dir. So is the answer: code, stdout, stderr.
"""
import functools
import gc
import hashlib
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import traceback
import warnings

import keystoneclient.v3.client  # noqa: F401: this and the next two are loaded for the forks
import novaclient.v2.client  # noqa: F401
import openstack.connection  # noqa: F401
import stevedore
from cliff import command
from keystoneauth1.identity.generic import base
from openstackclient import shell


def share_tokens(path):
    """Makes log-ins of this process begin with the token in a file."""
    log_in = base.BaseGenericPlugin.get_auth_ref
    begun = False

    def get_auth_ref(plugin, session):
        nonlocal begun
        if not begun and os.path.exists(path):
            begun = True
            with open(path) as file:
                plugin.set_auth_state(file.read())
            return plugin.auth_ref
        plugin.auth_ref = log_in(plugin, session)
        with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(path), delete=False) as file:
            file.write(plugin.get_auth_state())
        os.replace(file.name, path)
        return plugin.auth_ref

    base.BaseGenericPlugin.get_auth_ref = get_auth_ref


def answer(folder, request):
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["dir"])
    options = []  # which may ask for another log-in
    for name, value in zip(request["argv"][::2], request["argv"][1::2]):
        if not name.startswith("--os-"):
            break
        if not name.endswith("-api-version"):
            options.append((name, value))
    user = hashlib.sha256(json.dumps([request["env"], options], sort_keys=True).encode()).hexdigest()
    share_tokens(os.path.join(folder, user))
    files = [tempfile.TemporaryFile(), tempfile.TemporaryFile()]
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, file in enumerate(files, 1):
        os.dup2(file.fileno(), number)
    try:
        code = shell.main(request["argv"])
    except SystemExit as e:
        code = e.code if isinstance(e.code, int) else int(e.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    texts = []
    for file in files:
        file.seek(0)
        texts.append(file.read().decode())
    return {"code": code or 0, "stdout": texts[0], "stderr": texts[1]}


def main(folder):
    # Deprecations inside Python's libraries are not what is tested.
    warnings.simplefilter("ignore")
    # What each command would find out anew: its plugins, and who distributes them.
    stevedore.ExtensionManager = functools.cache(stevedore.ExtensionManager)
    command._get_distributions_by_modules()
    shell.main(["module", "list"])
    sys.stdout.flush()
    logging.getLogger().handlers.clear()  # each command makes its own
    gc.disable()  # or each fork would copy all that was loaded
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.path.join(folder, "socket"))
    listener.listen(16)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            stream = connection.makefile("rw")
            stream.write(json.dumps(answer(folder, json.loads(stream.readline()))) + "\n")
            stream.flush()
            os._exit(0)
        connection.close()


main(sys.argv[1])
