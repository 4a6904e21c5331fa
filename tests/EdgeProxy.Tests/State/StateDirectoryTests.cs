using System.Runtime.InteropServices;
using System.Text;
using EdgeProxy.Slots;
using EdgeProxy.State;
using EdgeProxy.Switching;
using EdgeProxy.Switching.Records;
using EdgeProxy.Tests.Support;
using FsCheck.Xunit;
using Microsoft.Win32.SafeHandles;

namespace EdgeProxy.Tests.State;

public sealed partial class StateDirectoryTests : IDisposable
{
    private static readonly ActiveSlot Written = new()
    {
        Version = ActiveSlot.CurrentVersion,
        Slot = SlotName.Green,
        Since = new DateTimeOffset(2026, 1, 31, 23, 59, 59, TimeSpan.Zero),
        Switch = "20260131-235959-3fa2",
        Label = "a1b2c3",
        IdleLabel = "before",
    };

    private readonly TemporaryDirectory _place = new();
    private readonly StateDirectory _directory;

    public StateDirectoryTests() => _directory = StateDirectory.Open(_place["state"]);

    [Fact]
    public void It_is_made_for_its_owner_and_group_only()
    {
        Assert.Null(_directory.Problem);
        Assert.Equal(Convert.ToInt32("750", 8), (int)File.GetUnixFileMode(_place["state"]) & 0x1FF);
    }

    [Fact]
    public void A_second_instance_is_refused_until_the_first_has_ended()
    {
        var refused = Assert.Throws<StateDirectoryInUseException>(() => StateDirectory.Open(_place["state"]));
        Assert.Contains("another EdgeProxy runs on", refused.Message, StringComparison.Ordinal);

        _directory.Dispose();
        using var next = StateDirectory.Open(_place["state"]);
        Assert.Null(next.Problem);
    }

    /// <summary>As a child has it that has been forked and does not run its program yet.</summary>
    [Fact]
    public void The_lock_ends_though_another_copy_of_the_open_file_is_left()
    {
        using var copy = new SafeFileHandle(Duplicate(_directory.Descriptor!.Value), ownsHandle: true);
        _directory.Dispose();
        using var next = StateDirectory.Open(_place["state"]);
        Assert.Null(next.Problem);
    }

    /// <summary>A process that takes the place of this one goes on with the same open file.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_lock_of_a_directory_that_is_given_away_or_not_ours_yet_stays(bool given)
    {
        using var others = new SafeFileHandle(Duplicate(_directory.Descriptor!.Value), ownsHandle: true);
        if (given)
        {
            _directory.GiveAway(true);
            _directory.Dispose();
        }
        else
        {
            StateDirectory.Adopt(_place["state"], Duplicate(_directory.Descriptor.Value)).Dispose();
        }

        Assert.Throws<StateDirectoryInUseException>(() => StateDirectory.Open(_place["state"]));
    }

    [Fact]
    public void A_child_process_does_not_inherit_the_lock()
    {
        using var child = System.Diagnostics.Process.Start("sleep", "60");
        try
        {
            _directory.Dispose();
            using var next = StateDirectory.Open(_place["state"]);
            Assert.Null(next.Problem);
        }
        finally
        {
            child.Kill();
        }
    }

    [Fact]
    public void A_place_that_cannot_be_used_is_told_not_thrown()
    {
        File.WriteAllText(_place["file"], "");
        using var unusable = StateDirectory.Open(_place["file/state"]);

        Assert.Contains("cannot create the state directory", unusable.Problem, StringComparison.Ordinal);
        Assert.Null(unusable.Read("active.json").Value);
        Assert.Equal(unusable.Problem, Assert.Throws<StateException>(() => unusable.WriteAtomically("active.json", "x"u8, StateDirectory.DefaultMode)).Message);
    }

    [Fact]
    public void A_written_file_has_its_content_and_mode_and_leaves_nothing_beside_it()
    {
        File.WriteAllText(_place["state/token.new"], "left by a killed process");

        _directory.WriteAtomically("token", "secret"u8, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        _directory.WriteAtomically("token", "secret2"u8, UnixFileMode.UserRead | UnixFileMode.UserWrite);

        Assert.Equal("secret2", Encoding.UTF8.GetString(_directory.Read("token").Value!));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_place["state/token"]));
        Assert.Equal([_place["state/token"]], Directory.GetFiles(_place["state"]));
    }

    [Fact]
    public void A_failed_write_leaves_the_old_content_and_no_temporary_file()
    {
        Directory.CreateDirectory(_place["state/active.json/in-the-way"]);

        var failure = Assert.Throws<StateException>(() => _directory.WriteAtomically("active.json", "x"u8, StateDirectory.DefaultMode));

        Assert.False(failure.Replaced);
        Assert.Contains("cannot write", failure.Message, StringComparison.Ordinal);
        Assert.True(Directory.Exists(_place["state/active.json/in-the-way"]));
        Assert.Empty(Directory.GetFiles(_place["state"]));
    }

    [Property(MaxTest = 200)]
    public void Arbitrary_bytes_are_read_without_an_exception(byte[] content)
    {
        using var place = new TemporaryDirectory();
        using var directory = StateDirectory.Open(place.Path);
        File.WriteAllBytes(place["switch.json"], content);

        Assert.True(new SwitchCheckpointFile(directory).Read() is { Value: null, Problem: not null });
    }

    [Fact]
    public void A_removed_file_is_gone_and_removing_it_again_is_no_error()
    {
        _directory.WriteJson("active.json", Written, SwitchingJson.Default.ActiveSlot);
        _directory.Delete("active.json");
        _directory.Delete("active.json");
        Assert.False(File.Exists(_place["state/active.json"]));
    }

    public void Dispose()
    {
        _directory.Dispose();
        _place.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "dup", SetLastError = true)]
    private static partial int Duplicate(int descriptor);
}
