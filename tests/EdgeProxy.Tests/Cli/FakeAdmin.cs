using System.Net;
using System.Text.Json;
using System.Threading.Channels;
using EdgeProxy.Diagnostics;
using EdgeProxy.Slots;
using EdgeProxy.Switching;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace EdgeProxy.Tests.Cli;

/// <summary>An admin API that responds as a test wants, on a real socket: outcomes that a real proxy reaches only by much misfortune.</summary>
internal sealed class FakeAdmin : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Channel<EdgeEvent> _events = Channel.CreateUnbounded<EdgeEvent>();
    private readonly Switch _begun = new() { Id = "20260131-000000-0001", From = SlotName.Blue, To = SlotName.Green, StartedAt = DateTimeOffset.UnixEpoch };

    private FakeAdmin(WebApplication app)
    {
        _app = app;
        app.MapPost("/switch", context => BeginAsync(context, _begun));
        app.MapPost("/rollback", context => BeginAsync(context, IsCalledBack ? _begun with { Phases = Ended!.Phases } : _begun));
        foreach (var order in (string[])["/pause", "/resume", "/maintenance", "/preview", "/promote", "/abort"])
        {
            app.MapPost(order, context => BeginAsync(context, _begun));
        }

        app.MapGet("/events", SendEventsAsync);
        app.MapGet("/switches/{id}", context => WriteAsync(context, 200, Ended!));
        app.MapGet("/switches", context => context.Response.WriteAsync(Switches));
        app.MapGet("/metrics", context => context.Response.WriteAsync(Metrics));
        app.MapGet("/status", context =>
        {
            StatusReads++;
            return context.Response.WriteAsync(Status);
        });
        app.MapPost("/certificates/renew", async context =>
        {
            using var body = new StreamReader(context.Request.Body);
            Order = await body.ReadToEndAsync();
            await context.Response.WriteAsync(Status);
        });
    }

    public string Status { get; set; } = "{}";

    public int StatusReads { get; private set; }

    public string Switches { get; set; } = "{}";

    public string Metrics { get; set; } = "";

    /// <summary>How the switch ends.</summary>
    public Switch? Ended { get; private set; }

    /// <summary>What <c>POST /switch</c> gets instead of 202.</summary>
    public (int Status, string Body)? Refusal { get; set; }

    /// <summary>A rollback finds a switch that runs.</summary>
    public bool IsCalledBack { get; set; }

    public bool BreakEvents { get; set; }

    public string? Order { get; private set; }

    public string? Authorization { get; private set; }

    public bool WasListenedToFirst { get; private set; }

    public string Url => _app.Urls.Single();

    public static async Task<FakeAdmin> StartAsync(string? socket = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Configuration.Sources.Clear(); // the settings beside the binary are the proxy's
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            if (socket is null)
            {
                kestrel.Listen(IPAddress.Loopback, 0);
            }
            else
            {
                kestrel.ListenUnixSocket(socket);
            }
        });
        var admin = new FakeAdmin(builder.Build());
        await admin._app.StartAsync(TestContext.Current.CancellationToken);
        return admin;
    }

    public void EndsWith(SwitchOutcome outcome, string? reason = null, ProbeSummary? probe = null, params string[] log) => Ended = _begun with
    {
        Outcome = outcome,
        Reason = reason,
        LastProbe = probe,
        UnitLog = log,
        Duration = TimeSpan.FromSeconds(2),
        Phases = [
            new PhaseRun { Phase = SwitchPhase.StartIdle, StartedAt = DateTimeOffset.UnixEpoch, Duration = TimeSpan.FromMilliseconds(120), Detail = "pid 42" }],
    };

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task BeginAsync(HttpContext context, Switch begun)
    {
        using var body = new StreamReader(context.Request.Body);
        Order = await body.ReadToEndAsync();
        Authorization = context.Request.Headers.Authorization;
        if (Refusal is { } refusal)
        {
            context.Response.StatusCode = refusal.Status;
            await context.Response.WriteAsync(refusal.Body);
            return;
        }

        await WriteAsync(context, 202, begun);
        foreach (var phase in Ended!.Phases)
        {
            Publish("phase", JsonSerializer.Serialize(phase with { Duration = TimeSpan.Zero, Detail = null }, SwitchingJson.Default.PhaseRun));
            Publish("phase", JsonSerializer.Serialize(phase, SwitchingJson.Default.PhaseRun));
        }

        if (!BreakEvents)
        {
            Publish("switch", JsonSerializer.Serialize(Ended, SwitchingJson.Default.Switch));
        }

        _events.Writer.Complete();
    }

    private void Publish(string name, string data) => _events.Writer.TryWrite(new EdgeEvent(name, data, _begun.Id));

    private async Task SendEventsAsync(HttpContext context)
    {
        WasListenedToFirst = Order is null;
        context.Response.ContentType = "text/event-stream";
        await context.Response.Body.FlushAsync();
        await foreach (var @event in _events.Reader.ReadAllAsync(context.RequestAborted))
        {
            await context.Response.WriteAsync($"event: {@event.Name}\ndata: {@event.Data}\n\n");
            await context.Response.Body.FlushAsync();
        }
    }

    private static Task WriteAsync(HttpContext context, int status, Switch body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(JsonSerializer.Serialize(body, SwitchingJson.Default.Switch));
    }
}
