using System.Globalization;
using System.Text;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary>A client that sends POSTs over HTTP/1.1 and never one again: it reuses a connection until a response says that it is the last, and everything else
/// is a failure.</summary>
/// <remarks>HttpClient and browsers repeat a request whose kept-alive connection was closed under it, and so hide that it was.</remarks>
/// <param name="connect">A connection, after its handshake where there is one.</param>
internal sealed class StrictClient(Func<CancellationToken, Task<Stream>> connect)
{
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(15);

    private readonly CancellationTokenSource _stop = new();
    private Task _visit = Task.CompletedTask;

    public int Requests { get; private set; }

    public int Connections { get; private set; }

    public TimeSpan Longest { get; private set; }

    public List<string> Failures { get; } = [];

    public static StrictClient Start(Func<CancellationToken, Task<Stream>> connect)
    {
        var client = new StrictClient(connect);
        client._visit = Task.Run(client.VisitAsync);
        return client;
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _visit;
    }

    private async Task VisitAsync()
    {
        Stream? connection = null;
        while (!_stop.IsCancellationRequested)
        {
            var started = TimeProvider.System.GetTimestamp();
            try
            {
                if (connection is null)
                {
                    connection = await connect(CancellationToken.None).WaitAsync(Eventually.Patience);
                    Connections++;
                }

                await connection.WriteAsync(Encoding.ASCII.GetBytes($"POST /hash HTTP/1.1\r\nHost: {ShippedSite.Name}\r\nContent-Length: 5\r\n\r\nhello"));
                var head = await ReadResponseAsync(connection).WaitAsync(Eventually.Patience);
                if (!head.StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal))
                {
                    Failures.Add(head);
                }

                if (head.Contains("\r\nConnection: close\r\n", StringComparison.OrdinalIgnoreCase))
                {
                    await connection.DisposeAsync();
                    connection = null;
                }
            }
            catch (Exception error) when (error is IOException or System.Net.Sockets.SocketException or TimeoutException)
            {
                Failures.Add($"after {Requests} requests on {Connections} connections: {error}");
                connection?.Dispose();
                connection = null;
            }

            Requests++;
            var took = TimeProvider.System.GetElapsedTime(started);
            Longest = took > Longest ? took : Longest;
            await Task.Delay(_pause, TimeProvider.System, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        connection?.Dispose();
    }

    /// <summary>Head and body, of a stated length.</summary>
    private static async Task<string> ReadResponseAsync(Stream connection)
    {
        var buffer = new byte[16 * 1024];
        var response = "";
        while (true)
        {
            var count = await connection.ReadAsync(buffer);
            if (count == 0)
            {
                throw new EndOfStreamException(
                    response.Length == 0 ? "the connection was closed without a response" : $"the response broke off: {response}");
            }

            response += Encoding.Latin1.GetString(buffer, 0, count);
            var end = response.IndexOf("\r\n\r\n", StringComparison.Ordinal);
            if (end > 0)
            {
                var field = response[..end].Split("\r\n").Single(line => line.StartsWith("Content-Length: ", StringComparison.OrdinalIgnoreCase));
                var length = field.Split(' ')[1];
                if (response.Length - end - 4 >= int.Parse(length, CultureInfo.InvariantCulture))
                {
                    return response[..(end + 2)];
                }
            }
        }
    }
}
