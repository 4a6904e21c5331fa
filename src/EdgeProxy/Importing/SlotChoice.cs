using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using EdgeProxy.Slots;

namespace EdgeProxy.Importing;

/// <summary>What a Caddyfile cannot say: where the two slots are, and how one knows that the app is well.</summary>
/// <param name="Blue">As in the settings; null: not said.</param>
/// <param name="Green">Likewise.</param>
/// <param name="HealthPath">Null: as the Caddyfile's <c>health_uri</c> says, which must then be there.</param>
/// <param name="Certificates">A directory of certificates to begin with; null: none.</param>
/// <param name="ServerKeepAlive">What the app runs with; null: not known.</param>
/// <param name="MaxConcurrent">How many requests the app works on at a time; null: not known.</param>
/// <param name="App">Which of several upstreams is the app, as the Caddyfile writes it; null: not said.</param>
/// <param name="Companions">Units that run the app's code beside it, for both slots; null: none.</param>
internal sealed record ImportOptions(
    string? Blue = null,
    string? Green = null,
    string BlueUnit = "app-server-blue.service",
    string GreenUnit = "app-server-green.service",
    string? HealthPath = null,
    string? Certificates = null,
    TimeSpan? ServerKeepAlive = null,
    int? MaxConcurrent = null,
    string? App = null,
    IReadOnlyList<string>? Companions = null);

/// <summary>Finds the addresses of both slots, and which of them serves now: the one that the Caddyfile names.</summary>
internal static class SlotChoice
{
    private const string RecipeBlue = "http://127.0.0.1:8000";
    private const string RecipeGreen = "http://127.0.0.1:8100";

    public static void Apply(string upstream, SourceLine at, ImportOptions options, SettingsDraft server, ImportRemarks remarks)
    {
        var (blue, green) = (options.Blue ?? (options.Green is null ? RecipeBlue : null), options.Green ?? (options.Blue is null ? RecipeGreen : null));
        if (options is { Blue: null, Green: null } && SlotAddress.TryParse(upstream, out var address) && !IsHere(address))
        {
            remarks.Problem(
                at,
                $"the upstream {upstream} is not on this machine's loopback, and a container's name is known to its network alone; run the app by two " +
                    "units of " +
                "systemd and name their addresses with --blue and --green");
            return;
        }

        if (options is { Blue: null, Green: null } && !IsSame(upstream, RecipeBlue) && !IsSame(upstream, RecipeGreen))
        {
            (blue, green) = (upstream, Beside(upstream));
            if (green is not null)
            {
                remarks.Note(at, $"the app at {upstream} becomes blue, and green {green}; name others with --blue and --green");
            }
        }

        blue ??= upstream;
        green ??= upstream;
        if (IsSame(blue, green))
        {
            remarks.Problem(at, $"the second slot needs an address beside {upstream}; name both with --blue and --green");
        }
        else if (SlotAddress.TryParse(upstream, out var known) && !IsHere(known))
        {
            remarks.Note(at, $"the app at {upstream} is to run at {blue} and {green} from now on; blue is taken for the first");
        }
        else if (!IsSame(upstream, blue) && !IsSame(upstream, green))
        {
            remarks.Problem(at, $"sends requests to {upstream}, which is neither blue ({blue}) nor green ({green}); name it with --blue or --green");
        }

        Set("Blue", blue, options.BlueUnit);
        Set("Green", green, options.GreenUnit);
        server.Set("EdgeProxy:InitialSlot", JsonValue.Create(IsSame(upstream, green) ? "Green" : "Blue"), at);

        void Set(string slot, string address, string unit)
        {
            server.Set($"EdgeProxy:Slots:{slot}:Address", JsonValue.Create(address), at);
            server.Set($"EdgeProxy:Slots:{slot}:Unit", JsonValue.Create(unit), at);
        }
    }

    /// <summary>A hundred ports above, as the recipe has it; null: a Unix socket has no port.</summary>
    private static string? Beside(string address) =>
        SlotAddress.TryParse(address, out var parsed) && parsed.Port is < 65436 and var port
            ? string.Create(CultureInfo.InvariantCulture, $"http://{new Uri(address).Host}:{port + 100}")
            : null;

    private static bool IsHere(SlotAddress address) => address.EndPoint switch
    {
        IPEndPoint ip => IPAddress.IsLoopback(ip.Address),
        DnsEndPoint => false,
        _ => true,
    };

    public static bool IsSame(string one, string other) =>
        SlotAddress.TryParse(one, out var first) && SlotAddress.TryParse(other, out var second) && first.EndPoint.Equals(second.EndPoint);
}
