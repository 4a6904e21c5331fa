namespace EdgeProxy.Slots;

/// <summary>What the candidate of a running switch gets of the traffic. Immutable, a part of the <see cref="TrafficPlan"/>.</summary>
/// <param name="slot">The candidate.</param>
/// <param name="share">Of the clients, in hundredths of a percent: 0 (only invited clients) to <see cref="Whole"/>.</param>
/// <param name="key">Of the switch.</param>
internal sealed class CandidateShare(Slot slot, int share, CandidateKey key)
{
    /// <summary>All clients.</summary>
    public const int Whole = 10_000;

    public Slot Slot { get; } = slot;

    public int Share { get; } = share;

    public CandidateKey Key { get; } = key;

    /// <summary>Whether a client gets the candidate. One that does keeps it while the share grows.</summary>
    public bool Takes(CandidateClient client) => ReferenceEquals(client.Key, Key) && client.Number < Share;
}

/// <summary>What the numbers of clients are signed with: each switch has a key of its own, so that what was signed for another one is worth nothing.</summary>
/// <param name="secret">32 bytes.</param>
internal sealed class CandidateKey(byte[] secret)
{
    /// <summary>The secret key of the HMAC; it is never shown.</summary>
    public ReadOnlyMemory<byte> Secret { get; } = secret;
}

/// <summary>The place of a client in the order in which clients come to the candidate of one switch.</summary>
/// <param name="key">Of that switch.</param>
/// <param name="number">0 to <see cref="CandidateShare.Whole"/> - 1; <see cref="Invited"/> or <see cref="Never"/>.</param>
internal class CandidateClient(CandidateKey key, int number)
{
    /// <summary>The number of a client that gets the candidate whatever its share is.</summary>
    public const int Invited = -1;

    /// <summary>The number of a client that does not get the candidate before the flip.</summary>
    public const int Never = CandidateShare.Whole;

    public CandidateKey Key { get; } = key;

    public int Number { get; } = number;
}
