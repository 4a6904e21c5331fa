using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Tls;

/// <summary>How a connection over TLS ends, as Python's client sees it when it is strict.</summary>
public sealed class CloseNotifyTests
{
    /// <summary>Says what it has received behind the head, and the name of the error that was the end, if it was one.</summary>
    private const string Client = """
        import socket, ssl, sys
        context = ssl.create_default_context(cafile=sys.argv[2])
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        context.maximum_version = ssl.TLSVersion[sys.argv[3]]
        context.set_alpn_protocols(["http/1.0"])
        def ask(path):
            connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20)
            client = context.wrap_socket(connection, server_hostname="shop.example.com", suppress_ragged_eofs=False)
            client.sendall(b"GET %s HTTP/1.0\r\nHost: shop.example.com\r\n\r\n" % path)
            return client
        client = ask(b"/")
        received, end = b"", ""
        try:
            while more := client.recv(65536):
                if b"first" in more:
                    ask(b"/end").recv(1)
                received += more
        except OSError as error:
            end = type(error).__name__
        print(received.decode().partition("\r\n\r\n")[2], end, sep="|", end="")
        """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("TLSv1_2")]
    [InlineData("TLSv1_3")]
    public async Task The_end_of_a_response_without_a_length_is_told(string version) =>
        Assert.Equal("first, last|", await GetAsync(version, context => context.Response.WriteAsync("last", Cancellation)));

    /// <summary>The client would take it for a whole one.</summary>
    [Fact]
    public async Task A_response_that_its_app_has_not_ended_is_cut()
    {
        var seen = await GetAsync("TLSv1_3", context =>
        {
            context.Abort();
            return Task.CompletedTask;
        });

        Assert.Contains(seen, (string[])["first, |ConnectionResetError", "first, |SSLEOFError", "first, |SSLError"]);
    }

    /// <param name="end">What the app does when the client has the first part.</param>
    private static async Task<string> GetAsync(string version, Func<HttpContext, Task> end)
    {
        Tool.Demand("python3");
        var received = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var site = await TlsSite.StartAsync(["shop.example.com"], app: async context =>
        {
            if (context.Request.Path == "/end")
            {
                received.SetResult();
                return;
            }

            await context.Response.WriteAsync("first, ", Cancellation);
            await context.Response.Body.FlushAsync(Cancellation);
            await received.Task.WaitAsync(Eventually.Patience, Cancellation);
            await end(context);
        });
        await File.WriteAllTextAsync(site["root.pem"], site.Authority.Root.ExportCertificatePem(), Cancellation);

        var run = await Tool.RunAsync("python3", ["-c", Client, $"{site.Port}", site["root.pem"], version]);

        Assert.Equal("", run.Error);
        return run.Output;
    }
}
