using System.Security.Cryptography;
using System.Text;
using EdgeProxy.Diagnostics;
using EdgeProxy.Slots;
using EdgeProxy.State;

namespace EdgeProxy.Switching.Progressive;

/// <summary>Gives the candidate of the running switch a share of the clients, and takes it away: one reference write each.</summary>
/// <remarks>Nothing of it is stored: <c>active.json</c> says which slot is active, and the next process serves everybody from there.</remarks>
internal sealed class CandidateTraffic(SlotPair slots, StateDirectory directory, SlotTraffic traffic, HealthMonitor health, EventHub events)
{
    /// <summary>What the keys of all switches are made from: 32 random bytes. A client's number is worth nothing without it.</summary>
    public const string KeyFile = "candidate.key";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const int KeyBytes = 32;

    private byte[]? _root;

    /// <summary>Gives the candidate a share.</summary>
    /// <param name="run">The switch.</param>
    /// <param name="percent">Of the clients; 0: only invited clients.</param>
    /// <exception cref="StateException">There is no key, and none can be kept.</exception>
    public void Give(SwitchRun run, double percent)
    {
        run.CandidateKey ??= KeyOf(run.Id);
        if (!run.HasShared)
        {
            traffic.Begin(run.To);
        }

        run.HasShared |= percent > 0;
        slots.Share(new CandidateShare(slots[run.To], (int)Math.Round(percent * CandidateShare.Whole / 100), run.CandidateKey));
        CrashPoint.Pass("traffic", "shared");
        Tell(run.Id);
    }

    /// <summary>Takes it away: the next request of everybody is the active slot's. Nothing to do where there is none.</summary>
    public void End(string? switchId)
    {
        if (slots.Plan.Candidate is not null)
        {
            slots.Share(null);
            CrashPoint.Pass("traffic", "taken back");
            Tell(switchId);
        }
    }

    private void Tell(string? switchId)
    {
        foreach (var slot in SlotNameExtensions.All)
        {
            events.Publish(EventNames.Slot, SlotEvent.Of(slots, slot, health[slot].State), SwitchingJson.Relaxed.SlotEvent, switchId);
        }
    }

    /// <summary>Of one switch of one app: a cookie of another one is as good as none.</summary>
    private CandidateKey KeyOf(string switchId) =>
        new(HKDF.DeriveKey(HashAlgorithmName.SHA256, _root ??= ReadRoot(), KeyBytes, info: Encoding.UTF8.GetBytes($"{slots.App.Name} {switchId}")));

    private byte[] ReadRoot()
    {
        if (directory.Read(KeyFile).Value is { Length: KeyBytes } kept)
        {
            return kept;
        }

        // Missing, or not ours. What was signed with it is worth nothing after the switch that runs, so that a power failure may take it.
        var made = RandomNumberGenerator.GetBytes(KeyBytes);
        directory.WriteAtomically(KeyFile, made, OwnerOnly, durable: false);
        return made;
    }
}
