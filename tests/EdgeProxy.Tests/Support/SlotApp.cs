using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace EdgeProxy.Tests.Support;

/// <summary>What a slot's unit runs: a real Kestrel on the slot's own Unix socket, which can be started and stopped like a unit.</summary>
internal sealed class SlotApp(string socket) : IAsyncDisposable
{
    private WebApplication? _app;
    private int _requests;

    public string Address => $"unix:{socket}";

    public int Requests => Volatile.Read(ref _requests);

    /// <summary>What it responds; 200 unless told otherwise.</summary>
    public RequestDelegate Handler { get; set; } = context => context.Response.WriteAsync("ok");

    public async Task ListenAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new()); // reads no settings: the product's own are beside the tests, with their ports
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(socket));
        _app = builder.Build();
        _app.Run(context =>
        {
            Interlocked.Increment(ref _requests);
            return Handler(context);
        });
        await _app.StartAsync();
    }

    public async Task CloseAsync()
    {
        if (Interlocked.Exchange(ref _app, null) is { } app)
        {
            using var now = new CancellationTokenSource(TimeSpan.FromMilliseconds(100), TimeProvider.System);
            await app.StopAsync(now.Token);
            await app.DisposeAsync();
        }
    }

    /// <summary>Responds with a status, and a Location where one is given.</summary>
    public static RequestDelegate Responds(int status, string? location = null) => context =>
    {
        context.Response.StatusCode = status;
        if (location is not null)
        {
            context.Response.Headers.Location = location;
        }

        return Task.CompletedTask;
    };

    /// <summary>Accepts the request and never responds.</summary>
    public static Task Hangs(HttpContext context) => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);

    public async ValueTask DisposeAsync() => await CloseAsync();
}
