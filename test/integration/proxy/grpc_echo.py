"""gRPC without generated code: a service test.Echo whose messages are bytes as they are.

grpc_echo.py serve PORT [CERT KEY]   without a certificate: HTTP/2 without TLS
grpc_echo.py ask PORT HOST CA        calls it through the proxy, prints what comes back

Once answers a message with itself, Talk each of a stream. "refuse" ends either with a status: Talk after
the client's end, as HAProxy before 3.2 cancels what a server ends sooner (its issue 1219).
"""
import queue
import sys
from concurrent import futures

import grpc


def mark(context, end):
    context.set_trailing_metadata((("x-end", end),))


def once(request, context):
    mark(context, "once")
    if request == b"refuse":
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "not you: \u00e4")
    return request


def talk(requests, context):
    mark(context, "talk")
    request = None
    for request in requests:
        yield request
    if request == b"refuse":
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not that")


def serve(port, *files):
    server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Echo", {
        "Once": grpc.unary_unary_rpc_method_handler(once),
        "Talk": grpc.stream_stream_rpc_method_handler(talk),
    }),))
    address = "127.0.0.1:" + port
    if files:
        certificate, key = (open(name, "rb").read() for name in files)
        server.add_secure_port(address, grpc.ssl_server_credentials([(key, certificate)]))
    else:
        server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


def say(what, call):
    print(what, call.code().name, call.details() or "-", dict(call.trailing_metadata()).get("x-end"))


def ask_once(call, message):
    try:
        answer, done = call.with_call(message, timeout=30)
        say("once: %s" % ("the same" if answer == message else answer), done)
    except grpc.RpcError as error:
        say("once:", error)


# Each message is sent when the answer to the one before has come.
def ask_talk(call, messages):
    words = queue.SimpleQueue()
    answers = call(iter(words.get, None), timeout=30)
    got = []
    try:
        for message in messages:
            words.put(message)
            got.append(next(answers).decode())
        words.put(None)
        got += [answer.decode() for answer in answers]
    except grpc.RpcError:
        pass  # the call says why
    say("talk: " + " ".join(got), answers)


def ask(port, host, ca):
    with open(ca, "rb") as roots:
        credentials = grpc.ssl_channel_credentials(roots.read())
    with grpc.secure_channel("127.0.0.1:" + port, credentials,
                             [("grpc.ssl_target_name_override", host)]) as channel:
        to_once, to_talk = channel.unary_unary("/test.Echo/Once"), channel.stream_stream("/test.Echo/Talk")
        ask_once(to_once, b"hello")
        ask_once(to_once, bytes(range(256)) * 8192)
        ask_talk(to_talk, [b"one", b"two", b"three"])
        ask_once(to_once, b"refuse")
        ask_talk(to_talk, [b"one", b"refuse"])


# Whatever the locale is.
sys.stdout.reconfigure(encoding="utf-8")
{"serve": serve, "ask": ask}[sys.argv[1]](*sys.argv[2:])
