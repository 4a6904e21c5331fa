using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.Switching.Records;

/// <summary>Two processes and a store that both use: what one does not see of the other, it does not overwrite.</summary>
public sealed class ActiveSlotRecordTests
{
    private static readonly ActiveSlot Blue = new() { Version = 1, Slot = SlotName.Blue, Since = new(2026, 1, 31, 23, 59, 59, TimeSpan.Zero) };
    private static readonly ActiveSlot Green = Blue with { Slot = SlotName.Green, Switch = "1a2b3c" };

    private readonly SharedStore _store = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_another_process_has_stored_is_not_overwritten_but_told()
    {
        var (one, other) = (new ActiveSlotRecord(_store), new ActiveSlotRecord(_store));
        await one.WriteAsync(one.Current, Blue);
        await other.ReadAsync(Cancellation);
        await other.WriteAsync(other.Current, Green);

        var refused = await Assert.ThrowsAsync<StateException>(() => one.WriteAsync(one.Current, Blue with { Label = "mine" }));

        Assert.Equal("another process has changed which slot is active: green since 2026-01-31 23:59:59 UTC, by switch 1a2b3c", refused.Message);
        Assert.False(refused.Replaced);
        Assert.Equal((Green, Green), (_store.Value, one.Current));
        await one.WriteAsync(one.Current, Blue with { Label = "mine" }); // having seen it
        Assert.Equal("mine", _store.Value!.Label);
    }

    [Fact]
    public async Task A_watcher_sees_what_another_process_has_stored()
    {
        var (one, other) = (new ActiveSlotRecord(_store), new ActiveSlotRecord(_store));
        await one.WriteAsync(one.Current, Blue);
        await other.ReadAsync(Cancellation);
        var watch = one.WaitForChangeAsync(one.Current, Cancellation);
        Assert.False(watch.IsCompleted);

        await other.WriteAsync(other.Current, Green);
        await watch.WaitAsync(TimeSpan.FromSeconds(10), Cancellation);

        Assert.Equal(Green, one.Current);
    }

    [Fact]
    public async Task A_watcher_sees_what_its_own_process_writes_or_assumes()
    {
        var record = new ActiveSlotRecord(_store);
        await record.WriteAsync(record.Current, Blue);
        var written = record.WaitForChangeAsync(record.Current, Cancellation);
        await record.WriteAsync(record.Current, Green);
        await written.WaitAsync(TimeSpan.FromSeconds(10), Cancellation);
        Assert.Equal(Green, record.Current);

        var assumed = record.WaitForChangeAsync(record.Current, Cancellation);
        record.Assume(Blue);
        await assumed.WaitAsync(TimeSpan.FromSeconds(10), Cancellation);
        Assert.Equal((Blue, Green), (record.Current, _store.Value)); // what is assumed is not stored, and stays until it is
        await record.WriteAsync(record.Current, Blue);
        Assert.Equal(Blue, _store.Value);
    }

    [Fact]
    public async Task A_change_before_the_watch_ends_it_at_once()
    {
        var record = new ActiveSlotRecord(_store);
        await record.WriteAsync(record.Current, Blue);
        var seen = record.Current;
        await record.WriteAsync(record.Current, Green);

        Assert.True(record.WaitForChangeAsync(seen, Cancellation).IsCompletedSuccessfully);
    }
}
