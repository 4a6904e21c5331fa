namespace EdgeProxy.Slots;

/// <summary>Tells leases that they are to end, class by class and a part of each class at a time.</summary>
/// <remarks>
/// A slot has one for the leases it hands out; a drain takes it over, and later leases get another one, so that nobody is born ended when
/// traffic comes back. Each class is dealt into <see cref="Waves"/>, so that clients told to go do not all come back in the same instant.
/// </remarks>
/// <param name="earlier">Those of a drain that was given up: their leases may still be out, and end with these.</param>
internal sealed class LeaseCancellations(LeaseCancellations? earlier)
{
    /// <summary>In how many parts the leases of a class may be ended. The last one is the first to fill: a single lease has the whole deadline.</summary>
    public const int Waves = 20;

    private static readonly LeaseClass[] _classes = Enum.GetValues<LeaseClass>();

    private readonly CancellationTokenSource[] _ends = [.. Enumerable.Range(0, _classes.Length * Waves).Select(_ => new CancellationTokenSource())];
    private LeaseCancellations? _earlier = earlier;
    private int _cut;
    private int _closedGracefully;

    /// <summary>Leases that are over and were cut short by their deadline.</summary>
    public int Cut => Volatile.Read(ref _cut) + (_earlier?.Cut ?? 0);

    /// <summary>Leases that are over and came to an orderly end at their deadline: a Close frame, the end of an event.</summary>
    public int ClosedGracefully => Volatile.Read(ref _closedGracefully) + (_earlier?.ClosedGracefully ?? 0);

    /// <summary>Ends one part of a class.</summary>
    /// <param name="wave">0 to <see cref="Waves"/> - 1.</param>
    public void End(LeaseClass @class, int wave)
    {
        _earlier?.End(@class, wave);
        SourceOf(@class, wave).Cancel();
    }

    /// <summary>Ends what has not been ended. Nothing is owed to earlier leases after that.</summary>
    public void EndAll()
    {
        foreach (var @class in _classes)
        {
            for (var wave = 0; wave < Waves; wave++)
            {
                End(@class, wave);
            }
        }

        _earlier = null;
    }

    internal CancellationToken TokenOf(LeaseClass @class, int wave) => SourceOf(@class, wave).Token;

    /// <summary>Counts a lease that was told to end and is over.</summary>
    internal void Count(bool inOrder) => Interlocked.Increment(ref inOrder ? ref _closedGracefully : ref _cut);

    /// <param name="ordinal">How many leases of the class the slot had when this one came, itself included.</param>
    internal static int WaveOf(int ordinal) => (Waves - (ordinal % Waves)) % Waves;

    private CancellationTokenSource SourceOf(LeaseClass @class, int wave) => _ends[((int)@class * Waves) + wave];
}
