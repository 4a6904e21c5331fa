using EdgeProxy.Api;

namespace EdgeProxy.Handover;

/// <summary>Shows the processes that this one has replaced in <c>GET /status</c>.</summary>
internal sealed class FormerStatus(FormerProcesses former) : IStatusPart
{
    public async ValueTask<StatusView> AddAsync(StatusView status, CancellationToken cancellationToken) =>
        status with { Former = [.. (await former.ReadAsync(cancellationToken)).Select(ViewOf)] };

    private static FormerProcessView ViewOf(FormerProcess process)
    {
        var holds = process.Holds;
        var held = holds.InFlight.Values.SelectMany(slots => slots.Values).Aggregate(default(Held), (sum, slot) => sum + slot);
        return new(process.Pid, holds.Since, holds.Connections, new InFlightView(held.Http, held.Stream, held.WebSocket), !process.IsSilent);
    }
}
