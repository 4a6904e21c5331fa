using System.Collections.Concurrent;
using System.Threading.Channels;
using EdgeProxy.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;

namespace EdgeProxy.Tests.Notify;

/// <summary>A receiver of webhooks: a real server that keeps what it gets and responds as it is told.</summary>
internal sealed class Receiver : IAsyncDisposable
{
    private readonly Channel<Received> _received = Channel.CreateUnbounded<Received>();
    private readonly ConcurrentQueue<int> _statuses;
    private readonly string _response;
    private Backend? _backend;
    private int _count;

    private Receiver(IEnumerable<int> statuses, string response) => (_statuses, _response) = (new(statuses), response);

    public string Address => _backend!.Address;

    /// <summary>How many requests came.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <param name="statuses">Of the first responses; 200 after them.</param>
    public static Task<Receiver> StartAsync(params int[] statuses) => StartAsync(port: 0, "", statuses);

    public static Task<Receiver> StartAsync(int port) => StartAsync(port, "", []);

    public static async Task<Receiver> StartAsync(int port, string response, params int[] statuses)
    {
        var receiver = new Receiver(statuses, response);
        receiver._backend = await Backend.StartAsync(receiver.RespondAsync, port);
        return receiver;
    }

    public Task<Received> NextAsync() => _received.Reader.ReadAsync(TestContext.Current.CancellationToken).Within();

    public ValueTask DisposeAsync() => _backend!.DisposeAsync();

    private async Task RespondAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var request = context.Request;
        var received = new Received(
            request.Method,
            request.GetEncodedPathAndQuery(),
            request.ContentType,
            new HeaderDictionary(request.Headers.ToDictionary()),
            await reader.ReadToEndAsync());
        Interlocked.Increment(ref _count);
        context.Response.StatusCode = _statuses.TryDequeue(out var status) ? status : StatusCodes.Status200OK;
        context.Response.Headers.Location = "/elsewhere";
        await context.Response.WriteAsync(_response);
        _received.Writer.TryWrite(received);
    }
}

/// <summary>One request of EdgeProxy.</summary>
internal sealed record Received(string Method, string Target, string? ContentType, IHeaderDictionary Headers, string Body);
