using System.Globalization;
using System.Net.Sockets;
using System.Text;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Proxying;

/// <summary>An app that does what the path of a request says: <c>/fails</c>, <c>/ends</c>, <c>/silent</c>...</summary>
internal static class MisbehavingApp
{
    /// <summary>Serves one request of each connection.</summary>
    public static async Task ServeAsync(NetworkStream stream, int connection, CancellationToken cancellation)
    {
        var head = await RawServer.ReadHeadAsync(stream, cancellation);
        var isPost = head.StartsWith("POST", StringComparison.Ordinal);
        switch (head.Split(' ').ElementAtOrDefault(1))
        {
            case "/page":
                await Say("200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\npage");
                break;
            case "/reads":
                var body = head.Contains("chunked", StringComparison.OrdinalIgnoreCase)
                    ? await ReadChunksAsync(stream, cancellation)
                    : await ReadExactlyAsync(stream, LengthOf(head), cancellation);
                await Say($"200 OK\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}");
                break;
            case "/refuses":
                await Say("403 Forbidden\r\nContent-Length: 7\r\nConnection: close\r\n\r\nrefused");
                break;
            case "/endless":
                await Say("200 OK\r\nConnection: close\r\n\r\n");
                while (true)
                {
                    await stream.WriteAsync(new byte[64 * 1024], cancellation);
                }

            case "/reads-100-and-ends":
                await stream.ReadExactlyAsync(new byte[100], cancellation);
                break;
            case "/responds-by-half":
                await stream.ReadExactlyAsync(new byte[isPost ? 100 : 0], cancellation);
                await Say("200 OK\r\nContent-Length: 100\r\n\r\nhalf");
                break;
            case "/silent":
                await stream.CopyToAsync(Stream.Null, cancellation);
                break;
            case "/fails":
                await ReadExactlyAsync(stream, isPost ? 3 : 0, cancellation);
                await Say("500 Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                break;
            case "/fails-early":
                await Say("503 Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                break;
            case "/ends":
                await ReadExactlyAsync(stream, isPost ? 3 : 0, cancellation);
                break;
            case "/speaks-nonsense":
                await RawServer.WriteAsync(stream, "nonsense\r\n\r\n", cancellation);
                break;
            case "/switches-unasked":
                await Say("101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n");
                break;
            case "/goes-silent":
                await Say("200 OK\r\nContent-Length: 100000\r\n\r\n" + new string('x', 50_000));
                await stream.CopyToAsync(Stream.Null, cancellation);
                break;
        }

        async Task Say(string response) => await RawServer.WriteAsync(stream, "HTTP/1.1 " + response, cancellation);
    }

    private static int LengthOf(string head)
    {
        const string name = "Content-Length: ";
        var at = head.IndexOf(name, StringComparison.OrdinalIgnoreCase) + name.Length;
        return int.Parse(head.AsSpan(at, head.IndexOf('\r', at) - at), CultureInfo.InvariantCulture);
    }

    private static async Task<string> ReadExactlyAsync(NetworkStream stream, int count, CancellationToken cancellation)
    {
        var body = new byte[count];
        await stream.ReadExactlyAsync(body, cancellation);
        return Encoding.Latin1.GetString(body);
    }

    private static async Task<string> ReadChunksAsync(NetworkStream stream, CancellationToken cancellation)
    {
        var (buffer, tail) = (new byte[64 * 1024], "");
        while (!tail.EndsWith("0\r\n\r\n", StringComparison.Ordinal))
        {
            var count = await stream.ReadAsync(buffer, cancellation);
            tail += count > 0 ? Encoding.Latin1.GetString(buffer, 0, count) : throw new EndOfStreamException();
            tail = tail[Math.Max(0, tail.Length - 10)..];
        }

        return "whole";
    }
}
