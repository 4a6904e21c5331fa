using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Fleet;

/// <summary>Machines on a network of their own: a network namespace each, with a cable to a switch that this machine has a cable to as well.</summary>
internal sealed class Lan : IAsyncDisposable
{
    /// <summary>Nobody's: what is sent there is lost, and nobody says so.</summary>
    private const string NoMachine = "02:00:00:00:00:ff";

    private readonly string _name = $"edgeproxy-{Guid.NewGuid().ToString("N")[..8]}";
    private readonly string _subnet = $"198.{Random.Shared.Next(18, 20)}.{Random.Shared.Next(256)}"; // RFC 2544: for tests of networks
    private readonly string[] _machines;

    private Lan(string[] machines) => _machines = machines;

    public static async Task<Lan> StartAsync(params string[] machines)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "networks of their own are root's");
        Tool.Demand("ip");
        var lan = new Lan(machines);
        var here = lan._name.Replace("edgeproxy-", "ep", StringComparison.Ordinal);
        List<string> script =
        [
            $"ip netns add {lan._name}", $"ip -n {lan._name} link add lan type bridge", $"ip -n {lan._name} link set lan up",
            $"ip link add {here} type veth peer name test netns {lan._name}", $"ip addr add {lan._subnet}.1/24 dev {here}", $"ip link set {here} up",
            $"ip -n {lan._name} link set test master lan up",
        ];
        foreach (var machine in machines)
        {
            var place = lan.PlaceOf(machine);
            script.AddRange(
            [
                $"ip netns add {place}", $"ip -n {place} link set lo up",
                $"ip -n {lan._name} link add {CableOf(machine)} type veth peer name eth0 netns {place}",
                $"ip -n {lan._name} link set {CableOf(machine)} master lan up", $"ip -n {place} addr add {lan.AddressOf(machine)}/24 dev eth0",
                $"ip -n {place} link set eth0 up",
            ]);
        }

        try
        {
            await RunAsync("bash", "-ec", string.Join('\n', script));
            return lan;
        }
        catch
        {
            await lan.DisposeAsync();
            throw;
        }
    }

    public string AddressOf(string machine) => $"{_subnet}.{10 + Array.IndexOf(_machines, machine)}";

    /// <summary>What starts a program on a machine, as the process that the program is.</summary>
    public string[] On(string machine) => ["ip", "netns", "exec", PlaceOf(machine)];

    /// <summary>Pulls the cable of a machine.</summary>
    public Task CutAsync(string machine) => RunAsync("ip", "-n", _name, "link", "set", CableOf(machine), "down");

    public Task PlugInAsync(string machine) => RunAsync("ip", "-n", _name, "link", "set", CableOf(machine), "up");

    /// <summary>Two machines hear nothing of each other any more, and nothing is closed; others hear both.</summary>
    public async Task SilenceAsync(string machine, string other)
    {
        await RunAsync("ip", "-n", PlaceOf(machine), "neigh", "replace", AddressOf(other), "lladdr", NoMachine, "dev", "eth0", "nud", "permanent");
        await RunAsync("ip", "-n", PlaceOf(other), "neigh", "replace", AddressOf(machine), "lladdr", NoMachine, "dev", "eth0", "nud", "permanent");
    }

    public async Task UnsilenceAsync(string machine, string other)
    {
        await RunAsync("ip", "-n", PlaceOf(machine), "neigh", "del", AddressOf(other), "dev", "eth0");
        await RunAsync("ip", "-n", PlaceOf(other), "neigh", "del", AddressOf(machine), "dev", "eth0");
    }

    /// <summary>What runs in it must have ended.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var place in _machines.Select(PlaceOf).Append(_name))
        {
            await Tool.RunAsync("ip", ["netns", "del", place]); // and with it its end of the cable
        }
    }

    /// <summary>ip(8) takes a name such as <c>a</c> for a word of its own.</summary>
    private static string CableOf(string machine) => $"to-{machine}";

    private string PlaceOf(string machine) => $"{_name}-{machine}";

    private static async Task RunAsync(string program, params string[] arguments)
    {
        var run = await Tool.RunAsync(program, arguments);
        Assert.True(run.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {run.Output}{run.Error}");
    }
}
