using System.Text.Json;
using EdgeProxy.AdminCalls;
using EdgeProxy.Apps;
using EdgeProxy.Common;
using EdgeProxy.Diagnostics;
using EdgeProxy.Switching;

namespace EdgeProxy.Admin;

/// <summary><c>GET /events</c>: what changes, as server-sent events.</summary>
/// <param name="hub">Where the events come from.</param>
/// <param name="apps">Their switches.</param>
/// <param name="host">Its stop ends every stream; else the stop would wait for them.</param>
/// <param name="time">The clock of the keep-alive.</param>
internal sealed class EventStream(EventHub hub, AppRegistry apps, IHostApplicationLifetime host, TimeProvider time)
{
    /// <summary>Below the idle timeouts of what may be in between (a tunnel, a proxy).</summary>
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(15);

    /// <summary>Streams until the client leaves, the proxy stops, or the switch that was asked for has ended.</summary>
    /// <param name="context">The request.</param>
    /// <param name="app">The app whose events are wanted; null: all events, those of no app, too.</param>
    /// <param name="switchId">The switch whose events are wanted; null: all events.</param>
    public async Task RunAsync(HttpContext context, App? app, string? switchId)
    {
        using var subscription = hub.Subscribe(); // before the look at the switch, so that its end is not missed in between
        IReadOnlyList<App> asked = app is null ? apps.All : [app];
        var owner = switchId is null ? app : asked.FirstOrDefault(one => Find(one, switchId) is not null);
        var known = switchId is null || owner is null ? null : Find(owner, switchId);
        if (switchId is not null && known is null)
        {
            await Problem.WriteAsync(context, StatusCodes.Status404NotFound, $"There is no switch \"{switchId}\"; GET /switches lists them.");
            return;
        }

        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, host.ApplicationStopping);
        try
        {
            await StreamAsync(context, subscription, owner?.Name, known, ended.Token);
        }
        catch (OperationCanceledException) when (ended.IsCancellationRequested)
        {
            // The client left, or the proxy stops.
        }
    }

    private async Task StreamAsync(HttpContext context, EventHub.Subscription subscription, string? app, Switch? known, CancellationToken ended)
    {
        var caller = AdminCaller.Of(context);
        var response = context.Response;
        response.ContentType = "text/event-stream";
        await response.WriteAsync(": EdgeProxy events\n\n", ended);
        if (known is not null)
        {
            await response.WriteAsync(Format(EventNames.Switch, app, Serialize(caller.View(known))), ended);
        }

        for (var isOver = known?.Outcome is not null; !isOver;)
        {
            await response.Body.FlushAsync(ended);
            var @event = await NextAsync(subscription, ended);
            if (@event is null)
            {
                await response.WriteAsync(": keep-alive\n\n", ended);
            }
            else if ((known is null || @event.SwitchId == known.Id) && (app is null || @event.App == app))
            {
                var (data, hasEnded) = View(@event, caller);
                await response.WriteAsync(Format(@event.Name, @event.App, data), ended);
                isOver = known is not null && hasEnded;
            }
        }
    }

    /// <returns>Null: nothing happened for a while.</returns>
    private async Task<EdgeEvent?> NextAsync(EventHub.Subscription subscription, CancellationToken ended)
    {
        using var quiet = new Deadline(KeepAlive, time, ended);
        try
        {
            return await subscription.Events.ReadAsync(quiet.Token);
        }
        catch (OperationCanceledException) when (!ended.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>An event's data as the caller may see it, and whether it ends its switch.</summary>
    private static (string Data, bool HasEnded) View(EdgeEvent @event, AdminCaller caller)
    {
        if (@event.Name != EventNames.Switch || JsonSerializer.Deserialize(@event.Data, SwitchingJson.Relaxed.Switch) is not { } changed)
        {
            return (@event.Data, false);
        }

        return (caller.MaySeeContent ? @event.Data : Serialize(caller.View(changed)), changed.Outcome is not null);
    }

    private static Switch? Find(App app, string id) => app.History.Find(id) ?? (app.Switches.Running is { } running && running.Id == id ? running : null);

    private static string Serialize(Switch @switch) => JsonSerializer.Serialize(@switch, SwitchingJson.Relaxed.Switch);

    /// <param name="data">A JSON object. It says which app it is about, before its own members; names of apps need no escape.</param>
    private static string Format(string name, string? app, string data) => app is null
        ? $"event: {name}\ndata: {data}\n\n"
        : $"event: {name}\ndata: {{\"app\":\"{app}\",{data.AsSpan(1)}\n\n";
}
