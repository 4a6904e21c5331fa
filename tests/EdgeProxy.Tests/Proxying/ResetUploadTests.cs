using System.Text;
using System.Threading.Channels;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying;

/// <summary>Uploads whose client resets the connection right behind its last byte: the app gets all of one or a connection that breaks, as with nginx, and
/// nothing is an error of the slot.</summary>
public sealed class ResetUploadTests
{
    private const int Times = 30;
    private const int Size = 20_000;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <param name="isWhole">The client has sent the end of the body.</param>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_upload_reaches_the_app_whole_or_without_an_end(bool isWhole)
    {
        var received = Channel.CreateUnbounded<string>();
        await using var app = new RawServer(async (stream, _, cancellation) =>
        {
            var head = await RawServer.ReadHeadAsync(stream, cancellation);
            var body = new StringBuilder();
            var buffer = new byte[Size];
            try
            {
                while (!IsAtEnd(body) && await stream.ReadAsync(buffer, cancellation) is > 0 and var count)
                {
                    body.Append(Encoding.Latin1.GetString(buffer, 0, count));
                }
            }
            catch (IOException)
            {
                // The proxy has cut it.
            }

            Assert.StartsWith("POST", head, StringComparison.Ordinal);
            received.Writer.TryWrite(body.ToString());
            await RawServer.WriteAsync(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", cancellation);
        });
        await using var proxy = await DataPlane.StartAsync(
            app.Address, "http://127.0.0.1:1", options => options.Switch.StreamPaths = ["/"]); // the app sees what comes, when it comes
        var chunk = $"{Size:x}\r\n{new string('a', Size)}\r\n";
        for (var i = 0; i < Times; i++)
        {
            using var client = await RawClient.ConnectAsync(proxy);
            await client.SendAsync("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk + (isWhole ? "0\r\n\r\n" : ""));
            client.ResetWhenClosed();
        }

        await Eventually.TrueAsync(() => proxy.PublicConnections.Open == 0 && app.Open == 0, "all is over");
        while (received.Reader.TryRead(out var body))
        {
            Assert.True(!body.EndsWith("0\r\n\r\n", StringComparison.Ordinal) || (isWhole && body.Count(sign => sign == 'a') == Size), "an end in order");
        }

        await proxy.Slots.Active.WaitIdleAsync(Cancellation).WaitAsync(Eventually.Patience, TimeProvider.System, Cancellation);
        Assert.Equal(0, proxy.Slots.Active.Errors);
    }

    private static bool IsAtEnd(StringBuilder body) => body.Length >= 5 && body.ToString(body.Length - 5, 5) == "0\r\n\r\n";
}
