using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using EdgeProxy.Common;
using EdgeProxy.Fleet;
using EdgeProxy.Tests.EndToEnd;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Fleet;

/// <summary>Switches of three nodes under load while machines die, freeze and are cut off: what is promised holds, as seen from outside.</summary>
/// <remarks>
/// By hand: <c>EDGEPROXY_FLEET_SWITCHES=500</c> (with <c>EDGEPROXY_TEST_TIMEOUT=01:00:00</c>) for a longer run, <c>EDGEPROXY_FLEET_SEED</c> for another one,
/// and <c>EDGEPROXY_FLEET_FAULTS=0</c> for the figures of an undisturbed fleet. A seed makes the same faults, not the same moments.
/// </remarks>
[Collection(EndToEndCollection.Name)]
public sealed class FleetChaosTests
{
    private const int Switches = 20;

    /// <summary>After this time no further switch is begun, where the number is not set by hand.</summary>
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(70);

    private static readonly TimeSpan InDoubtAfter = new FleetOptions().InDoubtAfter;

    private readonly Lock _lock = new();
    private readonly HashSet<string> _faulty = [];
    private readonly List<string> _faults = [];
    private readonly List<(TimeSpan At, string Node)> _killed = [];
    private readonly StringBuilder _refused = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Switches_under_load_keep_what_is_promised_while_machines_fail()
    {
        var (number, seed, faults) = (Setting("EDGEPROXY_FLEET_SWITCHES"), Setting("EDGEPROXY_FLEET_SEED") ?? 23, Setting("EDGEPROXY_FLEET_FAULTS") ?? 60);
        var random = new Random(seed);
        await using var fleet = await FleetOnLan.StartAsync(FleetFlip.Watch);
        await using var history = new FleetHistory(fleet.Etcd, fleet.Key);
        await using var clients = new FleetClients(fleet, history);
        List<Task> healing = [];
        try
        {
            for (var i = 0; i < (number ?? Switches) && (number is not null || history.Now < Longest); i++)
            {
                var asked = FleetOnLan.Nodes[random.Next(3)];
                var withoutLost = random.Next(2) == 0;
                var (isFaulty, isRecalled, healsFirst) = (random.Next(100) < faults, random.Next(100) < faults / 10, random.Next(2) == 0);
                var fault = Draw(random, asked);
                var recall = (Node: FleetOnLan.Nodes[random.Next(3)], After: TimeSpan.FromMilliseconds(random.Next(200, 2500)));

                history.Ask();
                var healed = isFaulty ? FailAsync(fault, fleet, history, clients) : Task.CompletedTask;
                healing.Add(healed);
                var recalling = isRecalled ? RecallAsync(fleet, recall.Node, recall.After) : Task.CompletedTask;
                var begun = await fleet.RunAsync(asked, ["switch", "--no-wait", .. withoutLost ? new[] { "--without-lost" } : []]);
                if (begun.ExitCode != ExitCode.Done)
                {
                    _refused.AppendLine(CultureInfo.InvariantCulture, $"{i}: {asked}: {(begun.Output + begun.Error).TrimEnd()}");
                    healsFirst = true;
                }

                await recalling;
                await EndedAsync(history);
                if (healsFirst)
                {
                    await Task.WhenAll(healing);
                    await fleet.CalmAsync();
                }

            }

            await Task.WhenAll(healing);
            await fleet.CalmAsync();
            await Task.WhenAll(FleetOnLan.Nodes.Select(clients.ServesAsync));
            await clients.EndAsync();
            await history.CompleteAsync();
            await CheckAsync(fleet, history, clients, seed);
        }
        catch (Exception e) when (!Cancellation.IsCancellationRequested)
        {
            throw new InvalidOperationException($"seed {seed}; {Faults()}\n{_refused}{string.Join('\n', FleetOnLan.Nodes.Select(fleet.LogOf))}", e);
        }
        finally
        {
            // They start machines.
            await Task.WhenAll(healing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        }
    }

    private static int? Setting(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out var number) ? number : null;

    private string Faults()
    {
        lock (_lock)
        {
            return string.Join(", ", _faults);
        }
    }

    private async Task CheckAsync(FleetOnLan fleet, FleetHistory history, FleetClients clients, int seed)
    {
        var commits = history.Commits();
        var state = (await history.ReadAsync(Cancellation))!;
        Assert.Empty(clients.Early);
        Assert.Empty(clients.Failed().Take(5));
        Assert.Empty(clients.Stale(commits, InDoubtAfter).Take(5));
        foreach (var node in FleetOnLan.Nodes)
        {
            Assert.Equal(state.Slot, clients.Visits.Last(visit => visit.Node == node && visit.Failure is null).Slot);
        }

        var outcomes = history.Ends().Values.GroupBy(end => end.Outcome).Select(group => $"{group.Key} {group.Count()}");
        var kinds = _faults.GroupBy(fault => fault.Split(' ')[0]).Select(group => $"{group.Key} {group.Count()}");
        Figures.Report(
            $"a fleet under faults, seed {seed}: {string.Join(", ", outcomes)}; {_faults.Count} faults ({string.Join(", ", kinds)}); "
            + $"{clients.Visits.Count} visits, {clients.Visits.Count(visit => visit.Failure is not null)} of them failed at dead or unplugged machines");
        Figures.Report(
            $"a fleet under faults, seed {seed}: last vote to commit {Spread(commits.Where(commit => !commit.IsBack).Select(Latency))}; "
            + $"flip of the first to the last node {Spread(Skews(fleet))}; killed coordinator to the next {Spread(TakeOvers(history))}; "
            + $"old version served by members after the commit {Spread(clients.Overlaps(commits))}");

        TimeSpan Latency(FleetHistory.Commit commit) => commit.KnownAt - commit.VotedAt;
    }

    private static IEnumerable<TimeSpan> Skews(FleetOnLan fleet) => fleet.Flips().GroupBy(flip => flip.Switch)
        .Where(flips => flips.Count() == FleetOnLan.Nodes.Length).Select(flips => flips.Max(flip => flip.At) - flips.Min(flip => flip.At));

    /// <summary>Of those that were killed while they drove a switch.</summary>
    private IEnumerable<TimeSpan> TakeOvers(FleetHistory history)
    {
        var coordinators = history.Coordinators().ToArray();
        foreach (var (at, node) in _killed)
        {
            if (coordinators.LastOrDefault(one => one.At <= at).Node == node
                && coordinators.Where(one => one.At > at && one.Node is not null).Select(one => (TimeSpan?)one.At).FirstOrDefault() is { } next)
            {
                yield return next - at;
            }
        }
    }

    private static string Spread(IEnumerable<TimeSpan> times)
    {
        var all = times.Order().Select(time => time.TotalMilliseconds).ToArray();
        return all.Length == 0 ? "none" : string.Create(
            CultureInfo.InvariantCulture, $"median {all[all.Length / 2]:0.0}, p99 {all[all.Length * 99 / 100]:0.0}, max {all[^1]:0.0} ms of {all.Length}");
    }

    private static Task EndedAsync(FleetHistory history) => Eventually.TrueAsync(
        async () => await history.ReadAsync(Cancellation) is { Switch: null }, "the switch has ended", TimeSpan.FromMinutes(2));

    private static async Task RecallAsync(FleetOnLan fleet, string node, TimeSpan after)
    {
        await Task.Delay(after, TimeProvider.System, Cancellation);
        await fleet.RunAsync(node, "abort");
    }

    private static Fault Draw(Random random, string asked)
    {
        var kind = random.Next(100) switch
        {
            < 30 => FaultKind.NodeKilled,
            < 45 => FaultKind.NodeUnplugged,
            < 60 => FaultKind.NodeCutFromEtcd,
            < 70 => FaultKind.NodeFrozen,
            < 77 => FaultKind.MemberKilled,
            < 82 => FaultKind.MemberFrozen,
            < 88 => FaultKind.MemberUnplugged,
            < 94 => FaultKind.LeaderCutFromMembers,
            _ => FaultKind.QuorumUnplugged,
        };
        var (isAsked, node, member) = (random.Next(100) < 40, FleetOnLan.Nodes[random.Next(3)], FleetOnLan.Members[random.Next(3)]);
        return new(
            kind,
            kind <= FaultKind.NodeFrozen ? isAsked ? asked : node : member,
            TimeSpan.FromMilliseconds(random.Next(0, 1500)),
            TimeSpan.FromMilliseconds(random.Next(200, 4000)));
    }

    /// <summary>Completes when it is healed.</summary>
    private async Task FailAsync(Fault fault, FleetOnLan fleet, FleetHistory history, FleetClients clients)
    {
        var (lan, machine) = (fleet.Lan, fault.Machine);
        var part = FleetOnLan.Nodes.Contains(machine) ? machine : "etcd";
        lock (_lock)
        {
            if (!_faulty.Add(part))
            {
                return; // it has another one
            }
        }

        await Task.Delay(fault.After, TimeProvider.System, Cancellation);
        lock (_lock)
        {
            _faults.Add($"{fault.Kind} {machine} at {history.Now.TotalSeconds:0.0} for {fault.Length.TotalSeconds:0.0} s");
            if (fault.Kind == FaultKind.NodeKilled)
            {
                _killed.Add((history.Now, machine));
            }
        }

        switch (fault.Kind)
        {
            case FaultKind.NodeKilled:
                clients.Down(machine);
                fleet.Kill(machine);
                await LastsAsync();
                fleet.Start(machine);
                await clients.UpAsync(machine);
                break;
            case FaultKind.NodeUnplugged:
                clients.Down(machine);
                await lan.CutAsync(machine);
                await LastsAsync();
                await lan.PlugInAsync(machine);
                await clients.UpAsync(machine);
                break;
            case FaultKind.NodeCutFromEtcd:
                await EachAsync(FleetOnLan.Members, member => lan.SilenceAsync(machine, member), member => lan.UnsilenceAsync(machine, member));
                break;
            case FaultKind.NodeFrozen or FaultKind.MemberFrozen:
                await EachAsync([machine], fleet.FreezeAsync, fleet.ThawAsync);
                break;
            case FaultKind.MemberKilled:
                fleet.Kill(machine);
                await LastsAsync();
                fleet.Start(machine);
                break;
            case FaultKind.MemberUnplugged:
                await EachAsync([machine], lan.CutAsync, lan.PlugInAsync);
                break;
            case FaultKind.LeaderCutFromMembers:
                var leader = await LeaderAsync(fleet) ?? machine;
                await EachAsync(
                    FleetOnLan.Members.Except([leader]), member => lan.SilenceAsync(leader, member), member => lan.UnsilenceAsync(leader, member));
                break;
            default:
                await EachAsync(FleetOnLan.Members.Except([machine]), lan.CutAsync, lan.PlugInAsync);
                break;
        }

        lock (_lock)
        {
            _faulty.Remove(part);
        }

        Task LastsAsync() => Task.Delay(fault.Length, TimeProvider.System, Cancellation);

        async Task EachAsync(IEnumerable<string> machines, Func<string, Task> fail, Func<string, Task> heal)
        {
            foreach (var one in machines)
            {
                await fail(one);
            }

            await LastsAsync();
            foreach (var one in machines)
            {
                await heal(one);
            }
        }
    }

    /// <summary>Null: there is none.</summary>
    private static async Task<string?> LeaderAsync(FleetOnLan fleet)
    {
        var etcd = fleet.Etcd;
        foreach (var (member, endpoint) in FleetOnLan.Members.Zip(etcd.Endpoints!))
        {
            var status = await Tool.RunAsync(
                "etcdctl",
                [
                    $"--endpoints={endpoint}", $"--cert={etcd.Certificate}", $"--key={etcd.Key}", $"--cacert={etcd.TrustedRoots}", "--dial-timeout=1s",
                    "--command-timeout=1s", "endpoint", "status", "--write-out=json",
                ]);
            if (status.ExitCode == 0 && JsonNode.Parse(status.Output) is JsonArray { Count: 1 } one
                && (ulong?)one[0]!["Status"]!["leader"] == (ulong?)one[0]!["Status"]!["header"]!["member_id"]) // none: there is no such member
            {
                return member;
            }
        }

        return null;
    }

    private enum FaultKind
    {
        NodeKilled,
        NodeUnplugged,
        NodeCutFromEtcd,
        NodeFrozen,
        MemberKilled,
        MemberFrozen,
        MemberUnplugged,
        LeaderCutFromMembers,
        QuorumUnplugged,
    }

    private sealed record Fault(FaultKind Kind, string Machine, TimeSpan After, TimeSpan Length);
}
