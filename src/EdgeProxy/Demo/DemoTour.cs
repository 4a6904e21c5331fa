using System.Globalization;
using System.Text.Json;
using EdgeProxy.Processes;
using EdgeProxy.Slots;
using EdgeProxy.Switching;

namespace EdgeProxy.Demo;

/// <summary><c>demo</c>: says what to try, and tells of each switch, until it is interrupted.</summary>
internal sealed class DemoTour(DemoSite site, LoadTally tally, TextWriter output, TimeProvider time)
{
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        Explain();
        try
        {
            await foreach (var @event in await site.Admin.ListenAsync(cancellationToken))
            {
                if (@event.EventType == EventNames.Switch
                    && JsonSerializer.Deserialize(@event.Data, SwitchingJson.Relaxed.Switch) is { Outcome: not null } ended)
                {
                    Tell(ended);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Ctrl-C is how a demo ends.
        }

        output.WriteLine($"The demo ends; the load of its own had {Load()}.");
    }

    private void Explain()
    {
        var (settings, edgeproxy) = (site.Settings, ChildLauncher.OwnExecutable);
        var admin = $"--admin {settings.AdminUrl} --token-file {settings.TokenFile}";
        output.WriteLine($"""
            EdgeProxy serves {settings.PublicUrl} from two copies of a sample app: blue on port {settings.BluePort}, green on port {settings.GreenPort}.
            A small load runs all the time; a request that fails is shown here.

            Try, in another terminal:
              curl -i {settings.PublicUrl}/                (X-Slot says which slot responds)
              {edgeproxy} watch {settings.PublicUrl}/
              {edgeproxy} switch {admin}
              {edgeproxy} status --admin {settings.AdminUrl}
              curl -X POST -H "Authorization: Bearer $(cat {settings.TokenFile})" {settings.AdminUrl}/switch

            The settings are in {settings.Directory}. Ctrl-C ends the demo and removes them.

            """);
    }

    private void Tell(Switch ended) => output.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{time.GetLocalNow():HH:mm:ss} {ended.From.ToKey()} -> {ended.To.ToKey()}: {ended.Outcome} in {ended.Duration.TotalSeconds:0.00}s; the load so far: " +
            $"{Load()}{(ended.Reason is null ? "" : $"\n         {ended.Reason}")}"));

    private string Load() => $"{tally.Total.Requests} requests, {tally.Total.Failures} failures";
}
