using System.Buffers;
using System.Globalization;
using System.Net.ServerSentEvents;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text.Json.Serialization.Metadata;
using EdgeProxy.Diagnostics;
using EdgeProxy.Slots;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace EdgeProxy.Demo;

/// <summary>A small app to put behind the proxy: what <c>demo</c> and the tests run in a slot. Every response names its slot in <c>X-Slot</c>.</summary>
/// <remarks>
/// <c>/</c> which slot responds · <c>/healthz</c> the health path, and <c>/v1/config/feature-flags/</c> another · <c>/slow?ms=1000</c> ·
/// <c>/download?ms=1000</c> 1,000,000 bytes over that time · <c>/status/503</c> · <c>POST /hash</c> the SHA-256 of the body · <c>/headers</c> what arrived ·
/// <c>/events</c> an event a second · <c>/ws</c> an echo. SIGTERM finishes what is in flight.
/// </remarks>
internal static class SampleBackend
{
    /// <summary>The hidden verb that runs it.</summary>
    public const string Verb = "sample-backend";

    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    private static readonly IReadOnlyDictionary<string, bool> Flags = new Dictionary<string, bool> { ["sample"] = true };

    /// <param name="slot">What it calls itself.</param>
    /// <param name="listen">Where it listens.</param>
    public static WebApplication Build(SlotName slot, Action<KestrelServerOptions> listen)
    {
        // The settings file beside the binary is the proxy's.
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = Path.GetTempPath() });
        builder.Configuration.Sources.Clear();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = Longest);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            listen(kestrel);
        });

        var app = builder.Build();
        app.Use((context, next) =>
        {
            context.Response.Headers["X-Slot"] = slot.ToKey();
            return next(context);
        });
        app.UseWebSockets();
        Map(app, slot);
        return app;
    }

    private static void Map(WebApplication app, SlotName slot)
    {
        var stopping = app.Lifetime.ApplicationStopping;
        app.MapGet(
            "/", (RequestDelegate)(context => Json(context, new(slot.ToKey(), Environment.ProcessId, ProductVersion.Text), SampleJson.Default.SampleIdentity)));
        app.MapGet("/v1/config/feature-flags/", (RequestDelegate)(context => Json(context, Flags, SampleJson.Default.IReadOnlyDictionaryStringBoolean)));
        app.MapGet("/healthz", (RequestDelegate)(context => Json(context, Flags, SampleJson.Default.IReadOnlyDictionaryStringBoolean)));
        app.MapGet("/slow", SlowAsync);
        app.MapGet("/download", DownloadAsync);
        app.Map("/status/{code:range(200,599)}", Status);
        app.MapPost("/hash", HashAsync);
        app.Map("/headers", Echo);
        app.MapGet("/events", (RequestDelegate)(context => EventsAsync(context, stopping)));
        app.Map("/ws", (RequestDelegate)(context => EchoSocketAsync(context, stopping)));
    }

    private static Task Json<T>(HttpContext context, T value, JsonTypeInfo<T> type) => context.Response.WriteAsJsonAsync(value, type);

    private static async Task SlowAsync(HttpContext context)
    {
        await Task.Delay(Wanted(context), TimeProvider.System, context.RequestAborted);
        await context.Response.WriteAsync("slow\n");
    }

    private static async Task DownloadAsync(HttpContext context)
    {
        const int Pieces = 100;
        var piece = new byte[10_000];
        context.Response.ContentLength = Pieces * piece.Length;
        for (var sent = 0; sent < Pieces; sent++)
        {
            await context.Response.Body.WriteAsync(piece, context.RequestAborted);
            await Task.Delay(Wanted(context) / Pieces, TimeProvider.System, context.RequestAborted);
        }
    }

    /// <summary><c>?ms=</c>; a second without it.</summary>
    private static TimeSpan Wanted(HttpContext context)
    {
        var wanted = int.TryParse(context.Request.Query["ms"], NumberStyles.None, CultureInfo.InvariantCulture, out var ms)
            ? TimeSpan.FromMilliseconds(ms)
            : TimeSpan.FromSeconds(1);
        return wanted < Longest ? wanted : Longest;
    }

    private static Task Status(HttpContext context)
    {
        context.Response.StatusCode = int.Parse((string)context.Request.RouteValues["code"]!, CultureInfo.InvariantCulture);
        return Task.CompletedTask;
    }

    private static async Task HashAsync(HttpContext context)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(64 * 1024);
        long length = 0;
        int read;
        while ((read = await context.Request.Body.ReadAsync(buffer, context.RequestAborted)) > 0)
        {
            hash.AppendData(buffer, 0, read);
            length += read;
        }

        ArrayPool<byte>.Shared.Return(buffer);
        await Json(context, new(Convert.ToHexStringLower(hash.GetHashAndReset()), length), SampleJson.Default.SampleHash);
    }

    private static Task Echo(HttpContext context) => Json(
        context,
        new(
            context.Request.Method,
            context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
            context.Request.Headers.ToDictionary(header => header.Key, header => string.Join(',', (IEnumerable<string?>)header.Value))),
        SampleJson.Default.SampleEcho);

    private static async Task EventsAsync(HttpContext context, CancellationToken stopping)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        await TypedResults.ServerSentEvents(TicksAsync(end.Token)).ExecuteAsync(context);
    }

    /// <summary>Ends without an error, between two events.</summary>
    private static async IAsyncEnumerable<SseItem<string>> TicksAsync([EnumeratorCancellation] CancellationToken end)
    {
        for (var tick = 0; !end.IsCancellationRequested; tick++)
        {
            yield return new SseItem<string>(tick.ToString(CultureInfo.InvariantCulture), "tick");
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System, end).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task EchoSocketAsync(HttpContext context, CancellationToken stopping)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.StatusCode = StatusCodes.Status400BadRequest;
            return;
        }

        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[16 * 1024];
        try
        {
            while (await socket.ReceiveAsync(buffer.AsMemory(), stopping) is { MessageType: not WebSocketMessageType.Close } part)
            {
                await socket.SendAsync(buffer.AsMemory(0, part.Count), part.MessageType, part.EndOfMessage, CancellationToken.None);
            }

            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException)
        {
            socket.Abort(); // the app stops, or the client is gone
        }
    }
}
