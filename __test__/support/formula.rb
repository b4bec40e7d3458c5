# Evaluates a formula as Homebrew does, of which only what the formula uses is here: formula.rb FORMULA OS PROCESSOR SOURCE
# PREFIX. Installs what is in the folder SOURCE, an unpacked archive, below PREFIX, and prints what the formula says of the
# archive as JSON.

require "fileutils"
require "json"
require "pathname"

FORMULA, SYSTEM, PROCESSOR, SOURCE, PREFIX = ARGV

# A folder of the installation, with Homebrew's ways to put something there.
class Folder < Pathname
  # Moves files into the folder: paths, lists of paths, or a path with its new name. Each must exist.
  def install(*sources)
    raise "nothing to install in #{self}" if sources.flatten.empty?

    mkpath
    sources.flatten.each do |source|
      (source.is_a?(Hash) ? source : { source => File.basename(source) }).each do |from, name|
        raise "there is no #{from}" unless File.exist?(from)

        FileUtils.mv from, self + name
      end
    end
  end

  # Makes symbolic links to files in the folder: a file with the name of its link.
  def install_symlink(links)
    links.each do |file, name|
      raise "there is no #{self + file}" unless (self + file).exist?

      FileUtils.ln_s file, self + name
    end
  end
end

# What a formula inherits.
class Formula
  FOLDERS = {
    bin: "bin",
    man1: "share/man/man1",
    doc: "share/doc/os-secrets",
    bash_completion: "etc/bash_completion.d",
    fish_completion: "share/fish/vendor_completions.d",
    zsh_completion: "share/zsh/site-functions",
  }.freeze

  class << self
    attr_reader :facts, :test_block

    %i[desc homepage version license url sha256].each do |name|
      define_method(name) do |value|
        @facts ||= {}
        raise "#{name} is given twice" if @facts.key?(name)

        @facts[name] = value
      end
    end

    { on_macos: "macos", on_linux: "linux" }.each do |name, system|
      define_method(name) { |&block| block.call if SYSTEM == system }
    end
    { on_arm: "arm", on_intel: "intel" }.each do |name, processor|
      define_method(name) { |&block| block.call if PROCESSOR == processor }
    end

    def test(&block)
      @test_block = block
    end
  end

  FOLDERS.each { |name, path| define_method(name) { Folder.new(File.join(PREFIX, path)) } }

  def version = self.class.facts[:version]

  def shell_output(command)
    output = `#{command}`
    raise "#{command} exited with #{$?.exitstatus}" unless $?.success?

    output
  end

  def assert_match(expected, text)
    raise "#{text} does not contain #{expected}" unless text.include?(expected)
  end
end

load FORMULA
formula = OsSecrets.new
Dir.chdir(SOURCE) { formula.install }
formula.instance_eval(&OsSecrets.test_block)
puts JSON.generate(OsSecrets.facts)
